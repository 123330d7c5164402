import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where Node keeps what it made of our sources, types stripped. Not in the shared temporary folder, where another user of the machine could
 * put code in its place. Without it each process loads the stripper, which costs 18 MB of memory and a third of its start.
 */
export const COMPILE_CACHE_DIR = join(process.env.ZEELOS_CACHE ?? join(homedir(), '.cache', 'zeelos'), 'compile');
