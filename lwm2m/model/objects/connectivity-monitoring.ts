import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const connectivityMonitoring = defineObject(
  { id: 4, name: 'Connectivity Monitoring', version: '1.3', occurrence: 'SO', description: 'The network connection in use' },
  [
    [0, 'Network Bearer', 'R', 'SM', 'INTEGER', '0..50', '', 'Bearer in use: 0-20 cellular, 21-40 other wireless, 41-50 wired'],
    [1, 'Available Network Bearer', 'R', 'MM', 'INTEGER', '0..50', '', 'Bearers at hand'],
    [2, 'Radio Signal Strength', 'R', 'SM', 'INTEGER', '', 'dBm', 'Signal strength, measured as the bearer does'],
    [3, 'Link Quality', 'R', 'SO', 'INTEGER', '', '', 'Quality of reception, measured as the bearer does'],
    [4, 'IP Addresses', 'R', 'MM', 'STRING', '', '', 'Own IP addresses'],
    [5, 'Router IP Addresses', 'R', 'MO', 'STRING', '', '', 'Next-hop address for each own address'],
    [6, 'Link Utilization', 'R', 'SO', 'INTEGER', '0..100', '/100', 'Mean use of the link towards the router'],
    [7, 'APN', 'R', 'MO', 'STRING', '', '', 'Access point names in use'],
    [8, 'Cell ID', 'R', 'SO', 'INTEGER', '', '', 'Serving cell'],
    [9, 'SMNC', 'R', 'SO', 'INTEGER', '0..999', '', 'Mobile network code of the serving cell'],
    [10, 'SMCC', 'R', 'SO', 'INTEGER', '0..999', '', 'Mobile country code of the serving cell'],
    [11, 'SignalSNR', 'R', 'SO', 'INTEGER', '', 'dB', 'Signal to noise ratio'],
    [12, 'LAC', 'R', 'SO', 'INTEGER', '', '', 'Location area code'],
    [13, 'Coverage Enhancement Level', 'R', 'SO', 'INTEGER', '0..4', '', 'Level of coverage enhancement in use'],
  ],
);
