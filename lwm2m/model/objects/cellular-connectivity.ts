import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const cellularConnectivity = defineObject(
  { id: 10, name: 'LWM2M Cellular Connectivity', version: '1.1', occurrence: 'SO', description: 'How the device uses the cellular network' },
  [
    [0, 'SMSC address', 'RW', 'SO', 'STRING', '', '', 'Number of the SMS centre'],
    [1, 'Disable radio period', 'RW', 'SO', 'INTEGER', '0..65535', '', 'Minutes for which the radio goes off'],
    [2, 'Module activation code', 'RW', 'SO', 'STRING', '', '', 'Code that activates the module'],
    [3, 'Vendor specific extensions', 'R', 'SO', 'OBJLNK', '', '', 'Instance of an object of the maker'],
    [4, 'PSM Timer', 'RW', 'SO', 'INTEGER', '', 's', 'Longest sleep in power saving mode (T3412 extended)'],
    [5, 'Active Timer', 'RW', 'SO', 'INTEGER', '', 's', 'Time awake before the sleep (T3324)'],
    [7, 'eDRX parameters for Iu mode', 'RW', 'SO', 'OPAQUE', '0..255', '', 'Paging window and cycle to ask for, UMTS'],
    [8, 'eDRX parameters for WB-S1 mode', 'RW', 'SO', 'OPAQUE', '0..255', '', 'Paging window and cycle to ask for, LTE'],
    [9, 'eDRX parameters for NB-S1 mode', 'RW', 'SO', 'OPAQUE', '0..255', '', 'Paging window and cycle to ask for, NB-IoT'],
    [10, 'eDRX parameters for A/Gb mode', 'RW', 'SO', 'OPAQUE', '0..255', '', 'Paging window and cycle to ask for, GSM'],
    [11, 'Activated Profile Names', 'R', 'MM', 'OBJLNK', '', '', 'Instances of the access points in use'],
    [12, 'Supported Power Saving Modes', 'R', 'SO', 'UNSIGNED', '0..255', '', 'Power saving modes that the device knows, one bit each'],
    [13, 'Active Power Saving Modes', 'RW', 'SO', 'UNSIGNED', '0..255', '', 'Power saving modes in use, one bit each'],
    [14, 'Release Assistance Indication Usage', 'RW', 'SO', 'UNSIGNED', '0..255', '', 'When the device says that no more data follows'],
  ],
);
