// Times and numbers for people: the viewer's zone, with UTC beside it where there is room.

const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const NUMBER = new Intl.NumberFormat();
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** Returns a time in the viewer's zone. */
export function localTime(text: string): string {
    const time = new Date(text);
    return Number.isNaN(time.getTime()) ? text : TIME.format(time);
}

/** Returns how long ago a time was, such as `5 min. ago`. */
export function ago(text: string, now: number): string {
    const seconds = (new Date(text).getTime() - now) / 1000;
    const steps: [Intl.RelativeTimeFormatUnit, number][] = [
        ["day", 86_400],
        ["hour", 3600],
        ["minute", 60],
    ];
    const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
    return RELATIVE.format(Math.round(seconds / size), unit);
}

/** Returns a number with the separators of the viewer's language. */
export function count(value: number): string {
    return NUMBER.format(value);
}
