package zeelos.peer;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Date;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.eclipse.leshan.core.node.ObjectLink;

/** Values of resources as text, for the account and the remote control. */
public final class Texts {
    private static final int LONGEST_HEX = 64;

    /** Bytes in hexadecimal, long ones as sha256:length:hash; time in ms since 1970; {id=value, …} for several instances. */
    public static String of(Object value) {
        if (value instanceof Map<?, ?> map) {
            return new TreeMap<>(map).entrySet().stream().map(e -> e.getKey() + "=" + of(e.getValue()))
                    .collect(Collectors.joining(", ", "{", "}"));
        }
        if (value instanceof byte[] bytes) {
            return bytes.length > LONGEST_HEX ? digest(bytes) : HexFormat.of().formatHex(bytes);
        }
        if (value instanceof Date date) {
            return String.valueOf(date.getTime());
        }
        if (value instanceof ObjectLink link) {
            return link.encodeToString();
        }
        if (value instanceof Object[] links) {
            return Arrays.stream(links).map(String::valueOf).collect(Collectors.joining(","));
        }
        return String.valueOf(value);
    }

    public static String digest(byte[] bytes) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
            return "sha256:" + bytes.length + ":" + HexFormat.of().formatHex(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The types that both lines of Leshan have; undefined for others: null. */
    public static Object parse(String type, String text) {
        return switch (type) {
            case "STRING" -> text;
            case "INTEGER" -> Long.valueOf(text);
            case "FLOAT" -> Double.valueOf(text);
            case "BOOLEAN" -> Boolean.valueOf(text);
            case "OPAQUE" -> HexFormat.of().parseHex(text);
            case "TIME" -> new Date(Long.parseLong(text));
            case "OBJLNK" -> ObjectLink.decodeFromString(text);
            default -> null;
        };
    }

    private Texts() {}
}
