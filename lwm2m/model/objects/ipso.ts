import { defineObject, type ResourceRow } from '../definition.ts';
import type { ObjectModel } from '../object-models.ts';
import { IPSO_RESOURCES } from './ipso-resources.ts';

type Ids = readonly number[];

const TIME: Ids = [5518, 6050];
const QUALITY: Ids = [6042, 6049];
const EXTREMES: Ids = [5601, 5602, 5605];
const RANGE: Ids = [5603, 5604];
/** What every sensor of one value has. */
const SENSOR: Ids = [...EXTREMES, ...RANGE, 5701, 5750, ...TIME, ...QUALITY];
const CALIBRATED: Ids = [...SENSOR, 5821];

/** id, name, version, description, mandatory resources, optional resources */
type IpsoObject = readonly [number, string, string, string, Ids, Ids];

// biome-ignore format: one object, one line
const OBJECTS: readonly IpsoObject[] = [
  [3300, 'Generic Sensor', '1.1', 'One sensor of any kind', [5700], [...SENSOR, 5751]],
  [3301, 'Illuminance', '1.1', 'One light sensor', [5700], SENSOR],
  [3302, 'Presence', '1.1', 'One presence detector', [5500], [5501, 5505, 5751, 5903, 5904, 5750, ...TIME, ...QUALITY]],
  [3303, 'Temperature', '1.1', 'One temperature sensor', [5700], SENSOR],
  [3304, 'Humidity', '1.1', 'One humidity sensor', [5700], SENSOR],
  [3305, 'Power Measurement', '1.1', 'One power meter, active and reactive', [5800], [5801, 5802, 5803, 5804, 5805, 5806, 5810, 5811, 5812, 5813, 5814, 5815, 5816, 5820, 5821, 5822, 5605, 5750, ...TIME, ...QUALITY]],
  [3306, 'Actuation', '1.1', 'One actuator: on or off, dimmed, or of many states', [5850], [5851, 5852, 5853, 5750, ...TIME]],
  [3308, 'Set Point', '1.1', 'One value that a controller shall hold', [5900], [5701, 5706, 5750, ...TIME]],
  [3310, 'Load Control', '1.1', 'One event that asks a load to draw less', [5823, 5824, 5825], [5826, 5827, 5828, 5750, ...TIME]],
  [3311, 'Light Control', '1.0', 'One light', [5850], [5851, 5852, 5805, 5820, 5706, 5701, 5750]],
  [3312, 'Power Control', '1.1', 'One switched supply', [5850], [5851, 5852, 5805, 5820, 5750, ...TIME]],
  [3313, 'Accelerometer', '1.1', 'One accelerometer of up to three axes', [5702], [5703, 5704, 5701, ...RANGE, 5750, ...TIME, ...QUALITY]],
  [3314, 'Magnetometer', '1.1', 'One magnetometer of up to three axes', [5702], [5703, 5704, 5705, 5701, 5750, ...TIME, ...QUALITY]],
  [3315, 'Barometer', '1.1', 'One air pressure sensor', [5700], SENSOR],
  [3316, 'Voltage', '1.1', 'One voltage sensor', [5700], CALIBRATED],
  [3317, 'Current', '1.1', 'One current sensor', [5700], CALIBRATED],
  [3318, 'Frequency', '1.1', 'One frequency sensor', [5700], CALIBRATED],
  [3319, 'Depth', '1.1', 'One depth sensor', [5700], CALIBRATED],
  [3320, 'Percentage', '1.1', 'One sensor of a share', [5700], CALIBRATED],
  [3321, 'Altitude', '1.1', 'One altitude sensor', [5700], CALIBRATED],
  [3322, 'Load', '1.1', 'One load sensor: force or weight', [5700], CALIBRATED],
  [3323, 'Pressure', '1.1', 'One pressure sensor', [5700], CALIBRATED],
  [3324, 'Loudness', '1.1', 'One sound level sensor', [5700], CALIBRATED],
  [3325, 'Concentration', '1.1', 'One sensor of the concentration of a substance', [5700], CALIBRATED],
  [3326, 'Acidity', '1.1', 'One pH sensor', [5700], CALIBRATED],
  [3327, 'Conductivity', '1.1', 'One conductivity sensor', [5700], CALIBRATED],
  [3328, 'Power', '1.1', 'One power sensor', [5700], CALIBRATED],
  [3329, 'Power Factor', '1.1', 'One sensor of the power factor', [5700], CALIBRATED],
  [3330, 'Distance', '1.1', 'One distance sensor', [5700], CALIBRATED],
  [3331, 'Energy', '1.1', 'One energy counter', [5700], [5701, 5822, 5750, ...TIME, ...QUALITY]],
  [3332, 'Direction', '1.1', 'One compass or wind vane', [5705], [...EXTREMES, 5750, ...TIME, ...QUALITY]],
  [3333, 'Time', '1.1', 'One clock', [5506], [5507, 5750, ...QUALITY]],
  [3334, 'Gyrometer', '1.1', 'One gyrometer of up to three axes', [5702], [5703, 5704, 5701, 5508, 5509, 5510, 5511, 5512, 5513, 5605, ...RANGE, 5750, ...TIME, ...QUALITY]],
  [3335, 'Colour', '1.1', 'One colour sensor', [5706], [5701, 5750, ...TIME, ...QUALITY]],
  [3336, 'Location', '1.1', 'One position on earth, as text', [5514, 5515], [5516, 5705, 5517, 5750, ...TIME, ...QUALITY]],
  [3336, 'Location', '2.0', 'One position on earth', [6051, 6052], [6053, 5705, 5517, 5750, ...TIME, ...QUALITY]],
  [3337, 'Positioner', '1.1', 'One actuator that moves between two ends', [5536], [5537, 5538, ...EXTREMES, 5519, 5520, 5750, ...TIME]],
  [3338, 'Buzzer', '1.1', 'One buzzer', [5850, 5525], [5548, 5521, 5750, ...TIME]],
  [3339, 'Audio Clip', '1.0', 'One player of a sound', [5522], [5523, 5548, 5524, 5750]],
  [3340, 'Timer', '1.0', 'One timer', [5521], [5538, 5525, 5523, 5850, 5501, 5544, 5543, 5534, 5526, 5750]],
  [3341, 'Addressable Text Display', '1.0', 'One text display', [5527], [5528, 5529, 5545, 5546, 5530, 5548, 5531, 5750]],
  [3342, 'On/Off switch', '1.1', 'One switch', [5500], [5501, 5852, 5854, 5750, ...TIME]],
  [3343, 'Dimmer', '1.0', 'One dimmer', [5548], [5852, 5854, 5750]],
  [3344, 'Up/Down Control', '1.0', 'One pair of buttons, up and down', [5532, 5533], [5541, 5542, 5750]],
  [3345, 'Multiple Axis Joystick', '1.0', 'One joystick', [], [5500, 5501, 5702, 5703, 5704, 5750]],
  [3346, 'Rate', '1.1', 'One sensor of speed or rotation', [5700], CALIBRATED],
  [3347, 'Push button', '1.1', 'One push button', [5500], [5501, 5750, ...TIME]],
  [3348, 'Multi-state Selector', '1.1', 'One selector switch', [5547], [5750, ...TIME]],
];

function define([id, name, version, description, mandatory, optional]: IpsoObject): ObjectModel {
  const rows = [
    ...mandatory.map((resource) => row(resource, 'SM')),
    ...optional.map((resource) => row(resource, 'SO')),
  ];
  return defineObject({ id, name, version, occurrence: 'MO', description: `${description} (IPSO)` }, rows);
}

function row(id: number, occurrence: 'SM' | 'SO'): ResourceRow {
  const [name, operations, ...rest] = IPSO_RESOURCES[id]!;
  return [id, name, operations, occurrence, ...rest];
}

/** The objects of the IPSO Smart Object starter and expansion packs, which share their resources. */
export const IPSO_OBJECTS: readonly ObjectModel[] = OBJECTS.map(define);
