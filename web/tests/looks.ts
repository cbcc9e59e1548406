// How every screen is looked at: in each colour scheme, on a desktop and on a phone.

import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const devices = { desktop: { width: 1100, height: 750 }, phone: { width: 360, height: 740 } };

export const looks = (["light", "dark"] as const).flatMap((colorScheme) =>
  Object.entries(devices).map(([device, viewport]) => ({
    name: `${colorScheme}, ${device}`,
    suffix: `${colorScheme}-${device}`,
    use: { colorScheme, viewport, reducedMotion: "reduce" } as object,
    width: viewport.width,
  })),
);

/** Axe finds nothing, and nothing sticks out. With SCREENSHOTS set, there is a picture. */
export async function expectAccessible(page: Page, screen: string, look: (typeof looks)[number]): Promise<void> {
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`), screen).toEqual([]);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width, `${screen} is as wide as the screen`).toBeLessThanOrEqual(look.width);
  if (process.env["SCREENSHOTS"]) {
    await page.screenshot({ path: `${process.env["SCREENSHOTS"]}/${screen}-${look.suffix}.png` });
  }
}
