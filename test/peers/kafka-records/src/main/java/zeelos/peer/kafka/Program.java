package zeelos.peer.kafka;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Writes and reads records with Kafka's own Java client, under remote control.
 *
 * Each line of stdin is a command (see Command) and is answered by {"event":"done","id":…,"result":…} or
 * {"event":"failed","id":…,"reason":…}; commands run side by side. The end of stdin ends the process.
 */
public final class Program {
    private static final Map<String, Producing> PRODUCING = new ConcurrentHashMap<>();

    public static void main(String[] args) throws Exception {
        ExecutorService workers = Executors.newCachedThreadPool();
        print(Map.of("event", "ready"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Command command = new Command(line);
            // A later command may speak of it: it is known before anything else is read.
            if (command.verb.equals("produce")) {
                PRODUCING.put(command.id, new Producing(command));
            }
            workers.execute(() -> answer(command));
        }
        Runtime.getRuntime().halt(0);
    }

    private static void answer(Command command) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("event", "done");
        answer.put("id", command.id);
        try {
            answer.put("result", run(command));
        } catch (Throwable e) {
            answer.put("event", "failed");
            answer.put("reason", e + (e.getCause() == null ? "" : ": " + e.getCause()));
        }
        print(answer);
    }

    private static Object run(Command command) throws Exception {
        return switch (command.verb) {
            case "produce" -> PRODUCING.get(command.id).run();
            case "written" -> PRODUCING.get(command.text("of")).written();
            case "stop" -> {
                PRODUCING.get(command.text("of")).stop();
                yield true;
            }
            case "dump" -> new Dump(command).toFile();
            case "texts" -> new Dump(command).texts();
            default -> Topics.run(command);
        };
    }

    private static synchronized void print(Map<String, ?> event) {
        System.out.println(Json.of(event));
        System.out.flush();
    }

    private Program() {}
}
