-- zeelos stream singles, for Flink SQL: batch readings taken apart, one row for each single value.
-- ${…} is put in by whoever runs it. Flink's Avro format cannot write a union of records, so what comes out is not an observation but a row of
-- JSON. Nor can it read a union of values: only numbers may stand in the input. A resource with instances is read where it stands in an
-- instance or an object; as the whole content of an observation it is not, since its `resources` are a map where those of an instance are an array.

CREATE TABLE observations (
  `ep` STRING,
  `path` STRING,
  `timestamp` BIGINT,
  `rep` ROW<`body` ROW<
    `content` ROW<
      `path` STRING,
      `value` DOUBLE,
      `resources` ARRAY<ROW<`path` STRING, `value` DOUBLE>>,
      `multipleResources` ARRAY<ROW<`resources` MAP<STRING, ROW<`path` STRING, `value` DOUBLE>>>>,
      `instances` ARRAY<ROW<
        `resources` ARRAY<ROW<`path` STRING, `value` DOUBLE>>,
        `multipleResources` ARRAY<ROW<`resources` MAP<STRING, ROW<`path` STRING, `value` DOUBLE>>>>
      >>
    >,
    `nodes` ARRAY<ROW<
      `timestamp` BIGINT,
      `content` ROW<
        `path` STRING,
        `value` DOUBLE,
        `resources` ARRAY<ROW<`path` STRING, `value` DOUBLE>>
      >
    >>
  >>
) WITH (
  'connector' = 'kafka',
  'topic' = 'iot.${gateway}.observations',
  'properties.bootstrap.servers' = '${brokers}',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = '${boundedMode}',
  'value.format' = 'avro-confluent',
  'value.avro-confluent.url' = '${registry}'
);

CREATE TABLE singles (
  `ep` STRING,
  `path` STRING,
  `timestamp` BIGINT,
  `value` DOUBLE
) WITH (
  'connector' = 'kafka',
  'topic' = 'analytics.${gateway}.observations.single.rows',
  'properties.bootstrap.servers' = '${brokers}',
  'value.format' = 'json'
);

CREATE TEMPORARY VIEW instances AS
SELECT `ep`, `timestamp`, `rep`.`body`.`content`.`resources` AS `resources`, `rep`.`body`.`content`.`multipleResources` AS `multipleResources`
FROM observations
WHERE `rep`.`body`.`content`.`resources` IS NOT NULL
UNION ALL
SELECT o.`ep`, o.`timestamp`, i.`resources`, i.`multipleResources`
FROM observations AS o
CROSS JOIN UNNEST(o.`rep`.`body`.`content`.`instances`) AS i (`resources`, `multipleResources`);

CREATE TEMPORARY VIEW compositeNodes AS
SELECT o.`ep`, COALESCE(n.`timestamp`, o.`timestamp`) AS `timestamp`, n.`content` AS `content`
FROM observations AS o
CROSS JOIN UNNEST(o.`rep`.`body`.`nodes`) AS n (`timestamp`, `content`);

INSERT INTO singles
SELECT `ep`, `rep`.`body`.`content`.`path`, `timestamp`, `rep`.`body`.`content`.`value`
FROM observations
WHERE `rep`.`body`.`content`.`value` IS NOT NULL
UNION ALL
SELECT i.`ep`, r.`path`, i.`timestamp`, r.`value`
FROM instances AS i
CROSS JOIN UNNEST(i.`resources`) AS r (`path`, `value`)
UNION ALL
SELECT i.`ep`, e.`resource`.`path`, i.`timestamp`, e.`resource`.`value`
FROM instances AS i
CROSS JOIN UNNEST(i.`multipleResources`) AS m (`resources`)
CROSS JOIN UNNEST(m.`resources`) AS e (`id`, `resource`)
UNION ALL
SELECT `ep`, `content`.`path`, `timestamp`, `content`.`value`
FROM compositeNodes
WHERE `content`.`value` IS NOT NULL
UNION ALL
SELECT n.`ep`, r.`path`, n.`timestamp`, r.`value`
FROM compositeNodes AS n
CROSS JOIN UNNEST(n.`content`.`resources`) AS r (`path`, `value`);
