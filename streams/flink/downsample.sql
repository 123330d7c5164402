-- zeelos stream downsample --window-seconds 60 --emit final, for Flink SQL: over the same topics, with the same records.
-- ${…} is put in by whoever runs it; table.local-time-zone has to be UTC. Only numbers may stand in the input: Flink's Avro format cannot pass over other values.

CREATE TABLE observations (
  `ep` STRING,
  `path` STRING,
  `timestamp` BIGINT,
  `rep` ROW<`body` ROW<`content` ROW<`value` DOUBLE>>>,
  `eventTime` AS TO_TIMESTAMP_LTZ(`timestamp`, 3),
  WATERMARK FOR `eventTime` AS `eventTime` - INTERVAL '${graceSeconds}' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'iot.${gateway}.observations',
  'properties.bootstrap.servers' = '${brokers}',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = '${boundedMode}',
  'scan.watermark.emit.strategy' = 'on-event',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${registry}'
);

CREATE TABLE downsampled (
  `serverId` STRING NOT NULL,
  `ep` STRING NOT NULL,
  `path` STRING NOT NULL,
  `windowStart` BIGINT NOT NULL,
  `windowEnd` BIGINT NOT NULL,
  `count` BIGINT NOT NULL,
  `min` DOUBLE NOT NULL,
  `max` DOUBLE NOT NULL,
  `mean` DOUBLE NOT NULL
) WITH (
  'connector' = 'kafka',
  'topic' = 'analytics.${gateway}.observations.downsampled',
  'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'avro-confluent',
  'key.fields' = 'ep',
  'key.avro-confluent.url' = '${registry}',
  'key.avro-confluent.schema' = '${keySchema}',
  'value.format' = 'avro-confluent',
  'value.fields-include' = 'ALL',
  'value.avro-confluent.url' = '${registry}',
  'value.avro-confluent.schema' = '${valueSchema}'
);

INSERT INTO downsampled
SELECT
  '${gateway}',
  COALESCE(`ep`, ''),
  COALESCE(`path`, ''),
  1000 * UNIX_TIMESTAMP(CAST(window_start AS STRING), 'yyyy-MM-dd HH:mm:ss.SSS'),
  1000 * UNIX_TIMESTAMP(CAST(window_end AS STRING), 'yyyy-MM-dd HH:mm:ss.SSS'),
  COUNT(*),
  COALESCE(MIN(`number`), 0),
  COALESCE(MAX(`number`), 0),
  COALESCE(AVG(`number`), 0)
FROM (
  SELECT `ep`, `path`, `rep`.`body`.`content`.`value` AS `number`, window_start, window_end
  FROM TABLE(TUMBLE(TABLE observations, DESCRIPTOR(`eventTime`), INTERVAL '${windowSeconds}' SECOND))
)
WHERE `number` IS NOT NULL
GROUP BY `ep`, `path`, window_start, window_end;
