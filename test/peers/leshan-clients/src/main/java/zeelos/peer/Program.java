package zeelos.peer;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Any number of LwM2M devices on Leshan's client libraries in one process, under remote control.
 *
 * Arguments: v1 or v2 (the line of Leshan), DDF files. Each line of stdin is a number, a command, an endpoint name and
 * arguments, with tabs between; it is answered by {"event":"done"} or {"event":"failed"} with that number. The end of stdin
 * ends the process.
 */
public final class Program {
    private static final Map<String, Device> DEVICES = new ConcurrentHashMap<>();

    public static void main(String[] args) throws Exception {
        List<String> ddfFiles = Arrays.asList(args).subList(1, args.length);
        Device.Maker maker = (Device.Maker) Class.forName("zeelos.peer." + args[0] + ".LeshanDevice$Make").getConstructor()
                .newInstance();
        ExecutorService workers = Executors.newCachedThreadPool();
        Lines.print("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t");
            workers.execute(() -> answer(maker, ddfFiles, words));
        }
        Runtime.getRuntime().halt(0);
    }

    private static void answer(Device.Maker maker, List<String> ddfFiles, String[] words) {
        try {
            String result = run(maker, ddfFiles, words);
            Lines.print("done", "id", words[0], "result", result);
        } catch (Throwable e) {
            Lines.print("failed", "id", words[0], "reason", String.valueOf(e));
        }
    }

    private static String run(Device.Maker maker, List<String> ddfFiles, String[] words) throws Exception {
        String endpoint = words[2];
        List<String> rest = Arrays.asList(words).subList(3, words.length);
        if (words[1].equals("start")) {
            Device device = maker.make(endpoint, rest.get(0), Long.parseLong(rest.get(1)), rest.contains("queue"), ddfFiles);
            DEVICES.put(endpoint, device);
            device.start();
            return "";
        }
        Device device = DEVICES.get(endpoint);
        switch (words[1]) {
            case "stop" -> device.stop(true);
            case "vanish" -> device.stop(false);
            case "restart" -> device.restart();
            case "update" -> device.update();
            case "set" -> device.set(path(rest.get(0)), rest.get(1));
            case "send" -> {
                return device.send(rest.get(0), rest.subList(1, rest.size()));
            }
            case "collect" -> device.collect(rest);
            case "sendCollected" -> device.sendCollected(rest.get(0));
            default -> throw new IllegalArgumentException(words[1]);
        }
        return "";
    }

    private static int[] path(String text) {
        return Arrays.stream(text.substring(1).split("/")).mapToInt(Integer::parseInt).toArray();
    }

    private Program() {}
}
