package zeelos.peer.kafka;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Several producers that write the numbered records of Shapes to one topic side by side, so that their transactions interleave.
 *
 * Fields: brokers, topic, partitions, seed, count (0: until `stop`), perSecond (0: as fast as it goes), producers, compression,
 * batchBytes (0: each record a batch of its own), lingerMs, transactional (yes/no), abortPercent, transactionRecords, and those of
 * Shapes. Trouble with a broker is waited out; what is in the topic afterwards is for a reader to say.
 */
final class Producing {
    private static final int MAX_REQUEST_BYTES = 1_040_000;
    private static final long RETRY_PAUSE_MS = 200;

    private final Command command;
    private final Shapes shapes;
    private final int producers;
    private final long count;
    private final double perSecond;
    private final boolean transactional;
    private final int abortPercent;
    private final int transactionRecords;
    private final AtomicLong committed = new AtomicLong();
    private final AtomicLong aborted = new AtomicLong();
    private final AtomicLong troubles = new AtomicLong();
    private volatile boolean stopped;
    private volatile Throwable failure;
    private volatile String lastTrouble;

    Producing(Command command) {
        this.command = command;
        shapes = new Shapes(command);
        producers = command.number("producers", 1);
        count = command.longNumber("count", 0);
        perSecond = command.number("perSecond", 0);
        transactional = command.text("transactional", "no").equals("yes");
        abortPercent = command.number("abortPercent", 0);
        transactionRecords = command.number("transactionRecords", 100);
    }

    /** Records in committed transactions (without transactions: acknowledged), in aborted ones, and how often there was trouble. */
    Map<String, Object> run() throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < producers; i++) {
            int which = i;
            threads.add(new Thread(() -> runOne(which)));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        if (failure != null) {
            throw new KafkaException("a producer gave up", failure);
        }
        return written();
    }

    Map<String, Object> written() {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("committed", committed.get());
        result.put("aborted", aborted.get());
        result.put("troubles", troubles.get());
        result.put("lastTrouble", lastTrouble);
        return result;
    }

    void stop() {
        stopped = true;
    }

    private void runOne(int which) {
        long startedAt = System.nanoTime();
        long sent = 0;
        SplittableRandom random = new SplittableRandom(command.longNumber("seed", 1) + which);
        KafkaProducer<byte[], byte[]> producer = null;
        try {
            while (!stopped && (count == 0 || which + sent * producers < count)) {
                pace(startedAt, sent);
                try {
                    if (producer == null) {
                        producer = open(which);
                    }
                    long records = transactional ? transaction(producer, which, sent, random) : plain(producer, which, sent);
                    sent += records;
                } catch (KafkaException e) {
                    // A producer that was fenced or timed out is of no more use; its numbers come again from a new one.
                    trouble(e);
                    if (producer != null) {
                        producer.close(java.time.Duration.ZERO);
                    }
                    producer = null;
                    Thread.sleep(RETRY_PAUSE_MS);
                }
            }
            if (producer != null) {
                producer.close();
            }
        } catch (Throwable e) {
            failure = e;
        }
    }

    private void pace(long startedAt, long sent) throws InterruptedException {
        if (perSecond == 0) {
            return;
        }
        long dueMs = (long) (sent * producers * 1_000 / perSecond) - (System.nanoTime() - startedAt) / 1_000_000;
        if (dueMs > 0) {
            Thread.sleep(dueMs);
        }
    }

    private long plain(KafkaProducer<byte[], byte[]> producer, int which, long sent) {
        long records = send(producer, which, sent);
        // Only a paced producer is watched closely: the others fill their batches.
        if (perSecond > 0) {
            producer.flush();
        }
        return records;
    }

    private void trouble(Throwable e) {
        troubles.incrementAndGet();
        lastTrouble = String.valueOf(e);
    }

    private long transaction(KafkaProducer<byte[], byte[]> producer, int which, long sent, SplittableRandom random) {
        producer.beginTransaction();
        long records = send(producer, which, sent);
        if (random.nextInt(100) < abortPercent) {
            producer.flush();
            producer.abortTransaction();
            aborted.addAndGet(records);
            return records;
        }
        for (int attempt = 0;; attempt++) {
            try {
                producer.commitTransaction();
                break;
            } catch (TimeoutException e) {
                if (attempt == 5) {
                    throw e;
                }
            }
        }
        committed.addAndGet(records);
        return records;
    }

    private long send(KafkaProducer<byte[], byte[]> producer, int which, long sent) {
        long records = 0;
        for (; records < transactionRecords; records++) {
            long number = which + (sent + records) * producers;
            if (count > 0 && number >= count) {
                break;
            }
            producer.send(shapes.at(number), (metadata, e) -> {
                if (e != null) {
                    trouble(e);
                } else if (!transactional) {
                    committed.incrementAndGet();
                }
            });
        }
        return records;
    }

    private KafkaProducer<byte[], byte[]> open(int which) {
        Properties settings = new Properties();
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, command.text("brokers"));
        settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, command.text("compression", "none"));
        settings.put(ProducerConfig.BATCH_SIZE_CONFIG, command.number("batchBytes", 16_384));
        settings.put(ProducerConfig.LINGER_MS_CONFIG, command.number("lingerMs", 5));
        settings.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MAX_REQUEST_BYTES);
        settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        // One record a batch: with several requests under way the client now and then kept one for ever.
        settings.put(ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION, command.number("batchBytes", 16_384) == 0 ? 1 : 5);
        settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, 120_000);
        // A broker that is back is found at once.
        settings.put(ProducerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, 200);
        settings.put(ProducerConfig.RETRY_BACKOFF_MAX_MS_CONFIG, 200);
        if (transactional) {
            String id = command.text("topic") + "-" + command.id + "-" + which;
            settings.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, id);
        }
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings);
        if (transactional) {
            producer.initTransactions();
        }
        return producer;
    }
}
