package zeelos.peer;

import java.util.List;

/** One endpoint under remote control. */
public interface Device {
    void start();

    /** Ends its sockets, too. */
    void stop(boolean deregister);

    /** It comes back on new sockets and registers anew. */
    void restart();

    void update();

    /** @param path /object/instance/resource, or one of its instances */
    void set(int[] path, String text) throws Exception;

    /** LwM2M 1.1: sends present values. @return what the server answered */
    String send(String format, List<String> paths) throws Exception;

    /** LwM2M 1.1: keeps present values with their time for `sendCollected`. */
    void collect(List<String> paths) throws Exception;

    void sendCollected(String format) throws Exception;

    /** What one line of Leshan needs to make a device. */
    interface Maker {
        Device make(String endpoint, String serverUri, long lifetimeSeconds, boolean queueMode, List<String> ddfFiles)
                throws Exception;
    }
}
