package zeelos.peer.kafka;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * Records of every shape, each decided by a seed and its number alone: absent and empty keys and values, headers that are repeated,
 * nameless, binary or null, clocks that jump, sizes from nothing to the given limit.
 */
final class Shapes {
    private static final String[] HEADER_KEYS = {"b", "a", "b", "2", "1", "__proto__", "", "trace-id", "\u00e4\u6f22"};
    private static final long TEN_DAYS_MS = 864_000_000L;

    private final String topic;
    private final long seed;
    private final int partitions;
    private final int minBytes;
    private final int maxBytes;
    private final int keys;
    private final boolean oddTimes;
    private final long firstTime;
    private final long timeStep;
    private final int[] keyIds;
    private final int[] valueIds;

    Shapes(Command command) {
        topic = command.text("topic");
        seed = command.longNumber("seed", 1);
        partitions = command.number("partitions", 1);
        minBytes = command.number("minBytes", 0);
        maxBytes = command.number("maxBytes", 2_000);
        keys = command.number("keys", 0);
        oddTimes = command.text("times", "odd").equals("odd");
        firstTime = command.longNumber("firstTime", System.currentTimeMillis());
        timeStep = command.longNumber("timeStep", 1);
        keyIds = command.ids("keyIds");
        valueIds = command.ids("valueIds");
    }

    ProducerRecord<byte[], byte[]> at(long number) {
        SplittableRandom random = new SplittableRandom(seed * 1_000_003 + number);
        int partition = (int) (number % partitions);
        long time = firstTime + number * timeStep;
        byte[] key = framed(keyOf(random), keyIds, random);
        byte[] value = framed(valueOf(random, number), valueIds, random);
        return new ProducerRecord<>(topic, partition, oddTimes ? oddTime(random, time) : time, key, value, headers(random));
    }

    private byte[] keyOf(SplittableRandom random) {
        if (keys > 0) {
            return utf8("k" + random.nextInt(keys));
        }
        int kind = random.nextInt(20);
        return kind < 2 ? null : kind == 2 ? new byte[0] : kind < 6 ? bytes(random, random.nextInt(1, 40), false)
                : utf8("device-" + random.nextInt(50));
    }

    private byte[] valueOf(SplittableRandom random, long number) {
        int kind = random.nextInt(1_000);
        if (minBytes > 0) {
            return bytes(random, random.nextInt(minBytes, maxBytes + 1), false);
        }
        if (kind < 30) {
            return null;
        }
        if (kind < 60) {
            return new byte[0];
        }
        int length = kind < 970 ? random.nextInt(1, Math.min(300, maxBytes) + 1)
                : kind < 998 ? random.nextInt(1, Math.min(20_000, maxBytes) + 1) : random.nextInt(maxBytes / 2, maxBytes + 1);
        byte[] value = bytes(random, length, random.nextBoolean());
        byte[] name = utf8("#" + number + " ");
        System.arraycopy(name, 0, value, 0, Math.min(name.length, value.length));
        return value;
    }

    /** Half of the values can be compressed and half cannot. */
    private static byte[] bytes(SplittableRandom random, int length, boolean repeating) {
        byte[] bytes = new byte[length];
        if (repeating) {
            byte[] word = new byte[12];
            random.nextBytes(word);
            for (int i = 0; i < length; i++) {
                bytes[i] = word[i % word.length];
            }
        } else {
            random.nextBytes(bytes);
        }
        return bytes;
    }

    /** With schema ids most get a frame (0, id of four bytes); what gets none does not look like one. */
    private static byte[] framed(byte[] bytes, int[] ids, SplittableRandom random) {
        if (bytes == null || ids.length == 0) {
            return bytes;
        }
        if (random.nextInt(10) > 0) {
            return ByteBuffer.allocate(5 + bytes.length).put((byte) 0).putInt(ids[random.nextInt(ids.length)]).put(bytes).array();
        }
        if (bytes.length >= 5 && bytes[0] == 0) {
            bytes[0] = 1;
        }
        return bytes;
    }

    private static long oddTime(SplittableRandom random, long time) {
        return switch (random.nextInt(400)) {
            case 0 -> 0;
            case 1 -> 1;
            case 2 -> time + TEN_DAYS_MS;
            case 3 -> (1L << 53) + 1;
            case 4, 5, 6, 7 -> time - random.nextInt(1_000_000);
            default -> time;
        };
    }

    private static List<Header> headers(SplittableRandom random) {
        List<Header> headers = new ArrayList<>();
        int count = Math.max(0, random.nextInt(8) - 4);
        for (int i = 0; i < count; i++) {
            byte[] value = switch (random.nextInt(5)) {
                case 0 -> null;
                case 1 -> new byte[0];
                default -> bytes(random, random.nextInt(1, 30), false);
            };
            headers.add(new RecordHeader(HEADER_KEYS[random.nextInt(HEADER_KEYS.length)], value));
        }
        return headers;
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
