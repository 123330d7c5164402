package zeelos.peer;

import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.node.ObjectLink;

/** The values of one object instance: a value, or a map of them by resource instance id. */
public final class Contents {
    public static final int DEVICE = 3;
    public static final int FIRMWARE = 5;
    /** Of interop-objects.xml: the types of LwM2M 1.0 once single and once in several instances; those that 1.1 adds. */
    public static final int TYPES = 26300;
    public static final int TYPES_11 = 26301;

    public static final int PACKAGE_URI = 1;

    private final TreeMap<Integer, Object> values = new TreeMap<>();

    public Contents(Map<Integer, ?> initial) {
        values.putAll(initial);
    }

    public static Map<Integer, Object> device() {
        return Map.of(0, "zeelos peer", 1, "Leshan", 9, 87L, 11, several(0L), 13, new Date(1_700_000_000_000L), 14, "+00:00", 15,
                "Etc/UTC", 16, "U");
    }

    public static Map<Integer, Object> firmware() {
        return Map.of(3, 0L, 5, 0L, 9, 2L);
    }

    /** An integer that no double holds, a text beyond ASCII. */
    public static Map<Integer, Object> types() {
        Map<Integer, Object> all = new TreeMap<>();
        List<Object> single = List.of("grün \u20ac", 9_007_199_254_740_993L, -12.625, true, HexFormat.of().parseHex("0001feff"),
                new Date(1_900_000_000_000L), new ObjectLink(3, 0));
        for (int i = 0; i < single.size(); i++) {
            all.put(i, single.get(i));
        }
        all.put(10, several("a", "b"));
        all.put(11, several(Long.MIN_VALUE, Long.MAX_VALUE));
        all.put(12, several(0.5, 123456.875));
        all.put(13, several(false, true));
        all.put(14, several(new byte[] {1}, new byte[] {2, 3}));
        all.put(15, several(new Date(1_000L), new Date(1_900_000_000_000L)));
        all.put(16, several(new ObjectLink(3, 0), new ObjectLink(26300, 0)));
        all.put(21, "read only");
        return all;
    }

    private static Map<Integer, Object> several(Object... values) {
        Map<Integer, Object> map = new TreeMap<>();
        for (int i = 0; i < values.length; i++) {
            map.put(i, values[i]);
        }
        return map;
    }

    public synchronized Object get(int resource) {
        return values.get(resource);
    }

    public synchronized void put(int resource, Object value) {
        values.put(resource, value instanceof Map<?, ?> map ? new TreeMap<>(map) : value);
    }

    @SuppressWarnings("unchecked")
    public synchronized void put(int resource, int instance, Object value) {
        TreeMap<Integer, Object> map = new TreeMap<>();
        if (values.get(resource) instanceof Map<?, ?> held) {
            map.putAll((Map<Integer, Object>) held);
        }
        map.put(instance, value);
        values.put(resource, map);
    }

    public synchronized void remove(int resource) {
        values.remove(resource);
    }

    /** What is held, and what can only be written or executed. */
    public synchronized List<Integer> available(ObjectModel model) {
        return model.resources.keySet().stream()
                .filter(id -> values.containsKey(id) || !model.resources.get(id).operations.isReadable()).sorted().toList();
    }
}
