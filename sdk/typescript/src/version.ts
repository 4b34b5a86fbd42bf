/** The version of this package. */
export const VERSION = "0.1.0";

/** The header `User-Agent` of all requests. Browsers send their own instead. */
export const USER_AGENT = `tm-typescript/${VERSION}`;
