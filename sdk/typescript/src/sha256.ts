// SHA-256 (FIPS 180-4). The one of WebCrypto is asynchronous and costs a task for each hash; a snapshot needs one hash
// for each of its objects. The tests compare it with Node's.

/** Returns the constant of each round: the first 32 bits of the fractional parts of the cube roots of primes. */
function constants(): Uint32Array {
    const primes: number[] = [];
    for (let n = 2; primes.length < 64; n++) {
        if (primes.every((prime) => n % prime !== 0)) primes.push(n);
    }
    return Uint32Array.from(primes, (prime) => fraction(prime, 3));
}

/** Returns the first 32 bits of the fractional part of a root, in exact integers. */
function fraction(prime: number, degree: 2 | 3): number {
    const target = BigInt(prime) << BigInt(32 * degree);
    let low = 0n;
    let high = 1n << 40n;
    while (high - low > 1n) {
        const middle = (low + high) >> 1n;
        if (middle ** BigInt(degree) <= target) low = middle;
        else high = middle;
    }
    return Number(low & 0xffffffffn);
}

const ROUND = constants();
const START = Uint32Array.from([2, 3, 5, 7, 11, 13, 17, 19], (prime) => fraction(prime, 2));
const words = new Uint32Array(64);

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

function block(state: Uint32Array, view: DataView, at: number): void {
    const w = words;
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
        const x = w[i - 15] ?? 0;
        const y = w[i - 2] ?? 0;
        const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
        const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
        w[i] = (w[i - 16] ?? 0) + s0 + (w[i - 7] ?? 0) + s1;
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
    for (let i = 0; i < 64; i++) {
        const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (ROUND[i] ?? 0) + (w[i] ?? 0)) | 0;
        const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] = (state[i] ?? 0) + word));
}

/** Returns the 32 bytes of the SHA-256 of some bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
    const state = START.slice();
    const whole = bytes.length - (bytes.length % 64);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < whole; at += 64) block(state, view, at);
    const rest = bytes.length - whole;
    const tail = new Uint8Array(rest < 56 ? 64 : 128);
    tail.set(bytes.subarray(whole));
    tail[rest] = 0x80;
    const last = new DataView(tail.buffer);
    last.setUint32(tail.length - 8, Math.floor(bytes.length / 2 ** 29));
    last.setUint32(tail.length - 4, bytes.length << 3);
    for (let at = 0; at < tail.length; at += 64) block(state, last, at);
    const hash = new Uint8Array(32);
    const out = new DataView(hash.buffer);
    state.forEach((word, i) => {
        out.setUint32(4 * i, word);
    });
    return hash;
}

/** Returns the SHA-256 of a text's UTF-8 bytes. */
export function sha256Text(text: string): Uint8Array {
    return sha256(new TextEncoder().encode(text));
}

/** Returns bytes as lower-case hex digits. */
export function hex(bytes: Uint8Array): string {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads `size` bytes that are written as hex digits. Returns undefined for any other text. */
export function unhex(text: string, size: number): Uint8Array<ArrayBuffer> | undefined {
    if (text.length !== 2 * size || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
    return Uint8Array.from({ length: size }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}
