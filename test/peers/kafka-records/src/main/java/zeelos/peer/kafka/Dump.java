package zeelos.peer.kafka;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * What a reader of committed records finds in a topic now, partition by partition. The checksum of each batch is verified.
 *
 * Fields: brokers, topic, file, ids (`4:9,5:7`: schema ids that the other side is to have instead).
 */
final class Dump {
    private static final HexFormat HEX = HexFormat.of();

    private final Command command;
    private final Map<Integer, Integer> ids = new HashMap<>();

    interface Taker {
        void take(ConsumerRecord<byte[], byte[]> record) throws IOException;
    }

    Dump(Command command) {
        this.command = command;
        for (String pair : command.text("ids", "").split(",")) {
            if (!pair.isEmpty()) {
                String[] parts = pair.split(":");
                ids.put(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
            }
        }
    }

    /** One JSON line per record: p, o, t (text: it has 64 bits), h (SHA-256 over key, value and headers). */
    Map<String, Object> toFile() throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        long[] records = new long[1];
        int partitions;
        try (BufferedWriter out = Files.newBufferedWriter(Path.of(command.text("file")))) {
            partitions = read(record -> {
                records[0]++;
                out.write("{\"p\":" + record.partition() + ",\"o\":" + record.offset() + ",\"t\":\"" + record.timestamp()
                        + "\",\"h\":\"" + hash(digest, record) + "\"}\n");
            });
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("records", records[0]);
        result.put("partitions", partitions);
        return result;
    }

    /** Key and value of each record as text. */
    List<Object> texts() throws Exception {
        List<Object> texts = new ArrayList<>();
        read(record -> {
            Map<String, Object> text = new LinkedHashMap<>();
            text.put("key", record.key() == null ? null : new String(record.key(), StandardCharsets.UTF_8));
            text.put("value", record.value() == null ? null : new String(record.value(), StandardCharsets.UTF_8));
            texts.add(text);
        });
        return texts;
    }

    private int read(Taker taker) throws Exception {
        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, command.text("brokers"));
        settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        settings.put(ConsumerConfig.CHECK_CRCS_CONFIG, true);
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5_000);
        settings.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 50);
        settings.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 30_000);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            List<PartitionInfo> partitions = consumer.partitionsFor(command.text("topic"));
            if (partitions == null || partitions.isEmpty()) {
                throw new IllegalStateException("there is no topic " + command.text("topic"));
            }
            for (int partition = 0; partition < partitions.size(); partition++) {
                readPartition(consumer, new TopicPartition(command.text("topic"), partition), taker);
            }
            return partitions.size();
        }
    }

    private static void readPartition(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, Taker taker)
            throws IOException {
        List<TopicPartition> one = List.of(partition);
        consumer.assign(one);
        consumer.seekToBeginning(one);
        long end = consumer.endOffsets(one).get(partition);
        while (consumer.position(partition) < end) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500)).records(partition)) {
                if (record.offset() < end) {
                    taker.take(record);
                }
            }
        }
    }

    private String hash(MessageDigest digest, ConsumerRecord<byte[], byte[]> record) {
        add(digest, patched(record.key()));
        add(digest, patched(record.value()));
        for (Header header : record.headers()) {
            add(digest, header.key().getBytes(StandardCharsets.UTF_8));
            add(digest, header.value());
        }
        return HEX.formatHex(digest.digest());
    }

    /** Each part stands behind its length, and an absent one behind -1, so that nothing runs into its neighbour. */
    private static void add(MessageDigest digest, byte[] part) {
        digest.update(ByteBuffer.allocate(4).putInt(part == null ? -1 : part.length).flip());
        if (part != null) {
            digest.update(part);
        }
    }

    private byte[] patched(byte[] bytes) {
        if (ids.isEmpty() || bytes == null || bytes.length < 5 || bytes[0] != 0) {
            return bytes;
        }
        Integer other = ids.get(ByteBuffer.wrap(bytes).getInt(1));
        return other == null ? bytes : ByteBuffer.wrap(bytes.clone()).putInt(1, other).array();
    }
}
