package zeelos.peer;

/** JSON lines on stdout; all values are strings. */
public final class Lines {
    public static synchronized void print(String event, String... fields) {
        StringBuilder out = new StringBuilder("{\"event\":" + quoted(event) + ",\"at\":" + System.currentTimeMillis());
        for (int i = 0; i < fields.length; i += 2) {
            out.append(',').append(quoted(fields[i])).append(':').append(quoted(fields[i + 1]));
        }
        System.out.println(out.append('}'));
        System.out.flush();
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            out.append(c < 0x20 || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return out.append('"').toString();
    }

    private Lines() {}
}
