package zeelos.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.tlv.TlvDecoder;
import org.eclipse.leshan.core.tlv.TlvException;

/** JSON lines. Values are strings, integers, or numbers already in decimal. */
final class Lines {
    static synchronized void print(String event, Object... fields) {
        Map<String, Object> line = new TreeMap<>();
        for (int i = 0; i < fields.length; i += 2) {
            line.put((String) fields[i], fields[i + 1]);
        }
        StringBuilder out = new StringBuilder("{\"event\":" + quoted(event) + ",\"at\":" + System.currentTimeMillis());
        line.forEach((name, value) -> out.append(',').append(quoted(name)).append(':').append(
                value instanceof Number || isNumber(name, value) ? value.toString() : quoted(value.toString())));
        System.out.println(out.append('}'));
        System.out.flush();
    }

    static void executed(String path, Arguments arguments) {
        String text = arguments == null ? null : arguments.serialize(); // null also where there are none
        print("executed", "path", path, "arguments", text == null ? "" : text);
    }

    private static boolean isNumber(String name, Object value) {
        return name.equals("value") && value.toString().matches("-?\\d+(\\.\\d+)?");
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            out.append(c < 0x20 || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return out.append('"').toString();
    }

    /** Text as it is; of TLV the only float it holds, else the bytes in hexadecimal. */
    static String valueOf(int contentFormat, byte[] payload) {
        if (contentFormat == ContentFormat.TEXT.getCode()) {
            return new String(payload, StandardCharsets.UTF_8);
        }
        try {
            var entries = TlvDecoder.decode(ByteBuffer.wrap(payload));
            if (entries.length == 1 && entries[0].getValue() != null && entries[0].getValue().length == 8) {
                return String.valueOf(TlvDecoder.decodeFloat(entries[0].getValue()));
            }
        } catch (TlvException e) {
            // not TLV: hexadecimal below
        }
        return HexFormat.of().formatHex(payload);
    }

    private Lines() {}
}
