package zeelos.peer.kafka;

import java.util.HashMap;
import java.util.Map;

/** One line of stdin: a number, a verb and `name=value` fields, with tabs between. */
final class Command {
    final String id;
    final String verb;
    private final Map<String, String> fields = new HashMap<>();

    Command(String line) {
        String[] words = line.split("\t", -1);
        id = words[0];
        verb = words[1];
        for (int i = 2; i < words.length; i++) {
            int equals = words[i].indexOf('=');
            fields.put(words[i].substring(0, equals), words[i].substring(equals + 1));
        }
    }

    String text(String name) {
        String value = fields.get(name);
        if (value == null) {
            throw new IllegalArgumentException(verb + " needs " + name);
        }
        return value;
    }

    String text(String name, String otherwise) {
        return fields.getOrDefault(name, otherwise);
    }

    int number(String name, int otherwise) {
        String value = fields.get(name);
        return value == null ? otherwise : Integer.parseInt(value);
    }

    long longNumber(String name, long otherwise) {
        String value = fields.get(name);
        return value == null ? otherwise : Long.parseLong(value);
    }

    /** The fields whose names begin so, without that beginning. */
    Map<String, String> under(String prefix) {
        Map<String, String> found = new HashMap<>();
        fields.forEach((name, value) -> {
            if (name.startsWith(prefix)) {
                found.put(name.substring(prefix.length()), value);
            }
        });
        return found;
    }

    /** Schema ids, `7,9`; none when absent. */
    int[] ids(String name) {
        String value = fields.get(name);
        if (value == null || value.isEmpty()) {
            return new int[0];
        }
        String[] parts = value.split(",");
        int[] ids = new int[parts.length];
        for (int i = 0; i < parts.length; i++) {
            ids[i] = Integer.parseInt(parts[i]);
        }
        return ids;
    }
}
