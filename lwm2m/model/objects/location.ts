import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const location = defineObject(
  { id: 6, name: 'Location', version: '1.0', occurrence: 'SO', description: 'Where the device is' },
  [
    [0, 'Latitude', 'R', 'SM', 'FLOAT', '', 'lat', 'Latitude, WGS 84'],
    [1, 'Longitude', 'R', 'SM', 'FLOAT', '', 'lon', 'Longitude, WGS 84'],
    [2, 'Altitude', 'R', 'SO', 'FLOAT', '', 'm', 'Height above sea level'],
    [3, 'Radius', 'R', 'SO', 'FLOAT', '', 'm', 'Circle around the position that the device is in'],
    [4, 'Velocity', 'R', 'SO', 'OPAQUE', '', '', 'Velocity as 3GPP TS 23.032 codes it'],
    [5, 'Timestamp', 'R', 'SM', 'TIME', '', '', 'When the position was taken'],
    [6, 'Speed', 'R', 'SO', 'FLOAT', '', 'm/s', 'Speed, in whatever direction'],
  ],
);
