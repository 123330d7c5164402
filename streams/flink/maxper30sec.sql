-- zeelos stream maxper30sec --emit final, for Flink SQL: the greatest number of each resource in 30 seconds, of equal ones the newest.
-- ${…} is put in by whoever runs it; table.local-time-zone has to be UTC. Only numbers may stand in the input: Flink's Avro format cannot
-- pass over other values. Nor can it write a union of records, so what comes out is not the whole observation but a row of JSON.

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

CREATE TABLE maxima (
  `ep` STRING NOT NULL,
  `path` STRING NOT NULL,
  `windowStart` BIGINT NOT NULL,
  `timestamp` BIGINT NOT NULL,
  `value` DOUBLE NOT NULL
) WITH (
  'connector' = 'kafka',
  'topic' = 'analytics.${gateway}.observations.maxper30sec.rows',
  'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'json',
  'key.fields' = 'ep;path;windowStart',
  'value.format' = 'json',
  'value.fields-include' = 'ALL'
);

INSERT INTO maxima
SELECT
  COALESCE(`ep`, ''),
  COALESCE(`path`, '') || '-max',
  1000 * UNIX_TIMESTAMP(CAST(window_start AS STRING), 'yyyy-MM-dd HH:mm:ss.SSS'),
  COALESCE(`timestamp`, 0),
  COALESCE(`number`, 0)
FROM (
  SELECT
    `ep`, `path`, `timestamp`, `number`, window_start, window_end,
    ROW_NUMBER() OVER (
      PARTITION BY window_start, window_end, `ep`, `path`
      ORDER BY `number` DESC, `timestamp` DESC
    ) AS `place`
  FROM (
    SELECT `ep`, `path`, `timestamp`, `rep`.`body`.`content`.`value` AS `number`, window_start, window_end
    FROM TABLE(TUMBLE(TABLE observations, DESCRIPTOR(`eventTime`), INTERVAL '30' SECOND))
  )
  WHERE `number` IS NOT NULL
)
WHERE `place` = 1;
