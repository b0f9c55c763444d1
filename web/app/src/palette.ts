// The series colours are custom properties of app.css (--series-0 ...), so that they follow the
// light or dark scheme: the palette of Okabe and Ito, "Color Universal Design", 2008, in shades
// with enough contrast on either ground.
export const COLOURS = 7;

export function seriesColour(index: number): string {
  return css(`--series-${index % COLOURS}`);
}

// The value of a custom property, for what is drawn on a canvas.
export function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
