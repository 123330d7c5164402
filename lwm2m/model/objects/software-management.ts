import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const softwareManagement = defineObject(
  { id: 9, name: 'LWM2M Software Management', version: '1.0', occurrence: 'MO', description: 'One software package on the device' },
  [
    [0, 'PkgName', 'R', 'SM', 'STRING', '0..255 bytes', '', 'Name of the package'],
    [1, 'PkgVersion', 'R', 'SM', 'STRING', '0..255 bytes', '', 'Version of the package'],
    [2, 'Package', 'W', 'SO', 'OPAQUE', '', '', 'The package itself (push)'],
    [3, 'Package URI', 'W', 'SO', 'STRING', '0..255 bytes', '', 'Where the device fetches the package (pull)'],
    [4, 'Install', 'E', 'SM', '', '', '', 'Installs the package that was delivered'],
    [5, 'Checkpoint', 'R', 'SO', 'OBJLNK', '', '', 'Instance that holds conditions for the update'],
    [6, 'Uninstall', 'E', 'SM', '', '', '', 'Removes the package'],
    [7, 'Update State', 'R', 'SM', 'INTEGER', '0..4', '', '0 initial, 1 download started, 2 downloaded, 3 delivered, 4 installed'],
    [8, 'Update Supported Objects', 'RW', 'SO', 'BOOLEAN', '', '', 'Whether the device registers its new objects after an update'],
    [9, 'Update Result', 'R', 'SM', 'INTEGER', '0..200', '', 'How the last delivery or installation ended; 0 is none yet'],
    [10, 'Activate', 'E', 'SM', '', '', '', 'Lets the installed software run'],
    [11, 'Deactivate', 'E', 'SM', '', '', '', 'Stops the installed software'],
    [12, 'Activation State', 'R', 'SM', 'BOOLEAN', '', '', 'Whether the software is active'],
    [13, 'Package Settings', 'RW', 'SO', 'OBJLNK', '', '', 'Instance that holds settings of the software'],
    [14, 'User Name', 'W', 'SO', 'STRING', '0..255 bytes', '', 'User for the download (pull)'],
    [15, 'Password', 'W', 'SO', 'STRING', '0..255 bytes', '', 'Password for the download (pull)'],
    [16, 'Status Reason', 'R', 'SO', 'STRING', '', '', 'What happened to the components, in words'],
    [17, 'Software Component Link', 'R', 'MO', 'OBJLNK', '', '', 'Instances of the components that came with the package'],
    [18, 'Software Component tree length', 'R', 'SO', 'INTEGER', '0..255', '', 'Number of those components'],
  ],
);
