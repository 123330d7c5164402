import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const temperature = defineObject(
  { id: 3303, name: 'Temperature', version: '1.1', occurrence: 'MO', description: 'One temperature sensor (IPSO)' },
  [
    [5700, 'Sensor Value', 'R', 'SM', 'FLOAT', '', '', 'Last reading'],
    [5601, 'Min Measured Value', 'R', 'SO', 'FLOAT', '', '', 'Lowest reading since the start or the last reset'],
    [5602, 'Max Measured Value', 'R', 'SO', 'FLOAT', '', '', 'Highest reading since the start or the last reset'],
    [5603, 'Min Range Value', 'R', 'SO', 'FLOAT', '', '', 'Lowest value the sensor can measure'],
    [5604, 'Max Range Value', 'R', 'SO', 'FLOAT', '', '', 'Highest value the sensor can measure'],
    [5701, 'Sensor Units', 'R', 'SO', 'STRING', '', '', 'Unit of all values, such as Cel'],
    [5605, 'Reset Min and Max Measured Values', 'E', 'SO', '', '', '', 'Sets lowest and highest to the present reading'],
    [5750, 'Application Type', 'RW', 'SO', 'STRING', '', '', 'What the sensor is used for'],
    [5518, 'Timestamp', 'R', 'SO', 'TIME', '', '', 'When the reading was taken'],
    [6050, 'Fractional Timestamp', 'R', 'SO', 'FLOAT', '0..1', 's', 'Part of a second to add to Timestamp'],
    [6042, 'Measurement Quality Indicator', 'R', 'SO', 'INTEGER', '0..23', '', 'Verdict on the reading: 0 unchecked, 1 wrong, 2 likely wrong, 3 doubtful, 4 good'],
    [6049, 'Measurement Quality Level', 'R', 'SO', 'INTEGER', '0..100', '', 'Trust in the reading; 100 is full'],
  ],
);
