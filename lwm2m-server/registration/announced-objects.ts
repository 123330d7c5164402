import { PlatformError } from '../../common/errors.ts';
import { parseLinkFormat, type WebLink } from '../../lwm2m/link-format.ts';
import { isId } from '../../lwm2m/path.ts';

/** What the link-format body of a registration says. Devices of one kind say the same: they share one of these. */
export interface AnnouncedObjects {
  /** The body as the device sent it. */
  readonly linkText: string;
  readonly links: readonly WebLink[];
  /** Path that the objects stand under, "/" unless a link says rt="oma.lwm2m". */
  readonly rootPath: string;
  /** Announced instances by object id; an object without any has an empty set. */
  readonly instances: ReadonlyMap<number, ReadonlySet<number>>;
  /** Versions that the device gave its objects (`ver`); empty when it gave none. */
  readonly objectVersions: ReadonlyMap<number, string>;
  /** Content format numbers of the root link (`ct`); empty when it does not say. */
  readonly contentFormats: readonly number[];
}

const MAX_ROOT_CHARACTERS = 255;
const MAX_CONTENT_FORMATS = 32;

const NO_VERSIONS: ReadonlyMap<number, string> = new Map();
const NO_FORMATS: readonly number[] = [];

export const NOTHING_ANNOUNCED: AnnouncedObjects = {
  linkText: '',
  links: [],
  rootPath: '/',
  instances: new Map(),
  objectVersions: NO_VERSIONS,
  contentFormats: NO_FORMATS,
};

/** Bodies that are remembered, and their characters in all: a fleet has few kinds of devices. The oldest goes first. */
const KEPT = 2_000;
const KEPT_CHARACTERS = 2 * 2 ** 20;
const LONGEST_KEPT = 4_096;

const kept = new Map<string, AnnouncedObjects>();
let keptCharacters = 0;

/**
 * Parses each body once, so that 100,000 devices of one kind hold their links once.
 * Throws LWM2M_LINK_FORMAT, and LWM2M_REGISTRATION for a root path that no request could carry.
 */
export function parseAnnouncement(linkText: string): AnnouncedObjects {
  if (linkText === '') return NOTHING_ANNOUNCED;
  const known = kept.get(linkText);
  if (known !== undefined) return known;
  const parsed = announcementOf(parseLinkFormat(linkText), linkText);
  if (linkText.length <= LONGEST_KEPT) keep(parsed);
  return parsed;
}

function keep(parsed: AnnouncedObjects): void {
  kept.set(parsed.linkText, parsed);
  keptCharacters += parsed.linkText.length;
  while (kept.size > KEPT || keptCharacters > KEPT_CHARACTERS) {
    const oldest: string = kept.keys().next().value!;
    kept.delete(oldest);
    keptCharacters -= oldest.length;
  }
}

function announcementOf(links: readonly WebLink[], linkText: string): AnnouncedObjects {
  const rootLink = links.find(({ attributes }) => attributes.rt?.split(' ').includes('oma.lwm2m'));
  const rootPath = parseRoot(rootLink?.url ?? '/');
  return {
    linkText,
    links,
    rootPath,
    instances: instancesOf(links, rootPath),
    objectVersions: versionsOf(links, rootPath),
    contentFormats: formatsOf(rootLink?.attributes.ct),
  };
}

/** Links that name no object or instance are left out. */
function instancesOf(links: readonly WebLink[], rootPath: string): Map<number, Set<number>> {
  const instances = new Map<number, Set<number>>();
  for (const { url } of links) {
    const ids = idsOf(url, rootPath);
    if (ids === undefined) continue;
    const known = instances.get(ids.objectId) ?? new Set();
    if (ids.instanceId !== undefined) known.add(ids.instanceId);
    instances.set(ids.objectId, known);
  }
  return instances;
}

/** `ver` belongs to the object's link; devices that announce only instances put it there. */
function versionsOf(links: readonly WebLink[], rootPath: string): ReadonlyMap<number, string> {
  const versions = new Map<number, string>();
  const onInstances = new Map<number, string>();
  for (const { url, attributes } of links) {
    const version = attributes.ver;
    if (version == null || !/^\d{1,3}\.\d{1,3}$/.test(version)) continue;
    const ids = idsOf(url, rootPath);
    if (ids === undefined) continue;
    const target = ids.instanceId === undefined ? versions : onInstances;
    if (!target.has(ids.objectId)) target.set(ids.objectId, version);
  }
  for (const [objectId, version] of onInstances) if (!versions.has(objectId)) versions.set(objectId, version);
  return versions.size === 0 ? NO_VERSIONS : versions;
}

/** One number or several with blanks (RFC 7252 §7.2.1). What is no content format number is passed over. */
function formatsOf(text: string | null | undefined): readonly number[] {
  if (text == null || text === '') return NO_FORMATS;
  const numbers = text.split(/[ ,]+/, MAX_CONTENT_FORMATS).filter((part) => /^\d{1,5}$/.test(part));
  return [...new Set(numbers.map(Number).filter((number) => number < 2 ** 16))];
}

function idsOf(url: string, rootPath: string): { objectId: number; instanceId: number | undefined } | undefined {
  const root = rootPath.endsWith('/') ? rootPath.slice(0, -1) : rootPath;
  if (!url.startsWith(`${root}/`)) return undefined;
  const match = /^\/(\d{1,5})(?:\/(\d{1,5}))?\/?$/.exec(url.slice(root.length));
  if (match === null) return undefined;
  const objectId = Number(match[1]);
  const instanceId = match[2] === undefined ? undefined : Number(match[2]);
  return isId(objectId) && isId(instanceId ?? 0) ? { objectId, instanceId } : undefined;
}

/** Uri-Path options must carry it: whole segments, none of them "." or "..", which no option may be (RFC 7252 §5.10.1). */
function parseRoot(url: string): string {
  const segments = url.split('/', MAX_ROOT_CHARACTERS);
  const bad = url.length > MAX_ROOT_CHARACTERS || !url.startsWith('/') || url.includes('//') || /[?#]/.test(url);
  if (bad || segments.includes('.') || segments.includes('..')) {
    throw new PlatformError(
      'LWM2M_REGISTRATION',
      `the root path is none of at most ${MAX_ROOT_CHARACTERS} characters without "." and ".."`,
    );
  }
  return url;
}
