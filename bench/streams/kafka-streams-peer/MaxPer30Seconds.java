import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The analysis maxper30sec on Kafka Streams, exactly once: the largest number of each endpoint and path in 30 seconds of the time of the
 * values. In the form "dsl" it is written as one would, and the new key sends all records through a repartition topic; in the form
 * "processor" the window store is used by hand and there is none, since all records of an endpoint are in one partition already.
 */
public final class MaxPer30Seconds {
  private static final Duration SIZE = Duration.ofSeconds(30);
  private static final Duration GRACE = Duration.ofHours(1);
  private static final String STORE = "max";

  public static void main(String[] args) throws Exception {
    String brokers = args[0];
    String application = args[1];
    String input = args[2];
    String output = args[3];
    String stateDir = args[4];
    Schema keySchema = new Schema.Parser().parse(new File(args[5]));
    Schema valueSchema = new Schema.Parser().parse(new File(args[6]));
    boolean dsl = args[7].equals("dsl");

    Properties properties = new Properties();
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, dsl ? 2 : 1);
    properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    properties.put("auto.offset.reset", "earliest");

    Serde<GenericRecord> keys = avro(keySchema, 1);
    Serde<GenericRecord> values = avro(valueSchema, 2);
    StreamsBuilder builder = new StreamsBuilder();
    KStream<GenericRecord, GenericRecord> observations = builder.stream(
        input,
        Consumed.with(keys, values).withTimestampExtractor((record, before) -> (Long) ((GenericRecord) record.value()).get("timestamp")));
    KStream<Windowed<GenericRecord>, GenericRecord> maxima;
    if (dsl) maxima = withDsl(observations, keys, values, keySchema);
    else maxima = withProcessor(builder, observations, keys, values, keySchema);
    maxima.to(output, Produced.with(new WindowedSerdes.TimeWindowedSerde<>(keys, SIZE.toMillis()), values));

    KafkaStreams streams = new KafkaStreams(builder.build(), properties);
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      streams.close(Duration.ofSeconds(20));
      stopped.countDown();
    }));
    streams.start();
    stopped.await();
  }

  private static KStream<Windowed<GenericRecord>, GenericRecord> withDsl(
      KStream<GenericRecord, GenericRecord> observations,
      Serde<GenericRecord> keys,
      Serde<GenericRecord> values,
      Schema keySchema) {
    return observations
        .filter((key, value) -> numberIn(value) != null)
        .map((key, value) -> KeyValue.pair(keyOf(value, keySchema), withSuffix(value)))
        .groupByKey(Grouped.with(STORE, keys, values))
        .windowedBy(TimeWindows.ofSizeAndGrace(SIZE, GRACE))
        .reduce((one, other) -> greater(one, other) ? one : other, Materialized.as(STORE))
        .toStream();
  }

  private static KStream<Windowed<GenericRecord>, GenericRecord> withProcessor(
      StreamsBuilder builder,
      KStream<GenericRecord, GenericRecord> observations,
      Serde<GenericRecord> keys,
      Serde<GenericRecord> values,
      Schema keySchema) {
    builder.addStateStore(
        Stores.timestampedWindowStoreBuilder(
                Stores.persistentTimestampedWindowStore(STORE, SIZE.plus(GRACE), SIZE, false), keys, values)
            .withCachingEnabled());
    return observations.process(() -> new Maximum(keySchema), STORE);
  }

  private static final class Maximum
      extends ContextualProcessor<GenericRecord, GenericRecord, Windowed<GenericRecord>, GenericRecord> {
    private final Schema keySchema;
    private WindowStore<GenericRecord, ValueAndTimestamp<GenericRecord>> store;
    private long streamTime = Long.MIN_VALUE;

    Maximum(Schema keySchema) {
      this.keySchema = keySchema;
    }

    @Override
    public void init(ProcessorContext<Windowed<GenericRecord>, GenericRecord> context) {
      super.init(context);
      store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<GenericRecord, GenericRecord> record) {
      if (numberIn(record.value()) == null) return;
      streamTime = Math.max(streamTime, record.timestamp());
      long start = record.timestamp() - record.timestamp() % SIZE.toMillis();
      if (start + SIZE.toMillis() + GRACE.toMillis() <= streamTime) return;
      GenericRecord key = keyOf(record.value(), keySchema);
      GenericRecord value = withSuffix(record.value());
      ValueAndTimestamp<GenericRecord> before = store.fetch(key, start);
      if (before != null && greater(before.value(), value)) return;
      store.put(key, ValueAndTimestamp.make(value, record.timestamp()), start);
      var window = new org.apache.kafka.streams.kstream.internals.TimeWindow(start, start + SIZE.toMillis());
      context().forward(record.withKey(new Windowed<>(key, window)).withValue(value));
    }
  }

  private static boolean greater(GenericRecord one, GenericRecord other) {
    return numberIn(one).doubleValue() > numberIn(other).doubleValue();
  }

  private static GenericRecord resourceIn(GenericRecord observation) {
    Object body = ((GenericRecord) observation.get("rep")).get("body");
    if (!(body instanceof GenericRecord) || !((GenericRecord) body).hasField("content")) return null;
    GenericRecord content = (GenericRecord) ((GenericRecord) body).get("content");
    return content.hasField("value") ? content : null;
  }

  private static Number numberIn(GenericRecord observation) {
    GenericRecord resource = resourceIn(observation);
    return resource != null && resource.get("value") instanceof Number ? (Number) resource.get("value") : null;
  }

  private static GenericRecord keyOf(GenericRecord observation, Schema schema) {
    GenericRecord key = new GenericData.Record(schema);
    key.put("ep", observation.get("ep") + "." + observation.get("path"));
    return key;
  }

  private static GenericRecord withSuffix(GenericRecord observation) {
    String path = observation.get("path") + "-max";
    observation.put("path", path);
    resourceIn(observation).put("path", path);
    return observation;
  }

  /** Confluent's wire format under a fixed id: nothing is asked of a registry here. */
  private static Serde<GenericRecord> avro(Schema schema, int id) {
    GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(schema);
    GenericDatumWriter<GenericRecord> writer = new GenericDatumWriter<>(schema);
    ThreadLocal<BinaryDecoder> decoders = new ThreadLocal<>();
    ThreadLocal<BinaryEncoder> encoders = new ThreadLocal<>();
    Serializer<GenericRecord> serializer = (topic, value) -> {
      if (value == null) return null;
      try {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        bytes.write(0);
        bytes.write(ByteBuffer.allocate(4).putInt(id).array());
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, encoders.get());
        encoders.set(encoder);
        writer.write(value, encoder);
        return bytes.toByteArray();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    };
    Deserializer<GenericRecord> deserializer = (topic, bytes) -> {
      if (bytes == null) return null;
      try {
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, 5, bytes.length - 5, decoders.get());
        decoders.set(decoder);
        return reader.read(null, decoder);
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    };
    return Serdes.serdeFrom(serializer, deserializer);
  }
}
