/*
 * Limits of the formats that carry records or nested items: SenML, old JSON, CBOR, LwM2M CBOR. A payload beyond one is
 * refused whole, before or while it is read, so that work stays linear in its bytes.
 */

/** As long as the longest body that the CoAP endpoint takes. */
export const MAX_CONTENT_BYTES = 2 ** 20;

/** Records in one pack, values in one LwM2M CBOR map. */
export const MAX_CONTENT_RECORDS = 2 ** 16;

/** Arrays, maps and tags inside one another. LwM2M CBOR needs seven: five maps and a tagged array. */
export const MAX_CBOR_DEPTH = 16;

/** Base name and name together: a root path or gateway prefix and four ids. */
export const MAX_NAME_CHARS = 512;

/** Faults that one payload may report one by one; those after them are counted in the last. */
export const MAX_CONTENT_FAULTS = 100;
