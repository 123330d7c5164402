import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const connectivityStatistics = defineObject(
  { id: 7, name: 'Connectivity Statistics', version: '1.0', occurrence: 'SO', description: 'Counts what goes over the network' },
  [
    [0, 'SMS Tx Counter', 'R', 'SO', 'INTEGER', '', '', 'SMS sent in the period'],
    [1, 'SMS Rx Counter', 'R', 'SO', 'INTEGER', '', '', 'SMS received in the period'],
    [2, 'Tx Data', 'R', 'SO', 'INTEGER', '', '', 'Kilobytes sent in the period'],
    [3, 'Rx Data', 'R', 'SO', 'INTEGER', '', '', 'Kilobytes received in the period'],
    [4, 'Max Message Size', 'R', 'SO', 'INTEGER', '', 'B', 'Largest message in the period'],
    [5, 'Average Message Size', 'R', 'SO', 'INTEGER', '', 'B', 'Mean message size in the period'],
    [6, 'Start', 'E', 'SM', '', '', '', 'Zeroes the counters and starts a period'],
    [7, 'Stop', 'E', 'SM', '', '', '', 'Ends the period; the counters stay'],
    [8, 'Collection Period', 'RW', 'SO', 'INTEGER', '', 's', 'Length of a period; 0 until Stop'],
  ],
);
