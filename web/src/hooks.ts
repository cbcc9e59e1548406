// What several screens need of the browser.

import { useEffect, useRef, useState, useSyncExternalStore, type RefObject } from "react";

import { currentSession, subscribe, type Session } from "./session";

/** Who uses the page. */
export function useSession(): Session {
  return useSyncExternalStore(subscribe, currentSession);
}

/** The time, anew each minute. */
export function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

let isFirstPage = true;

/** A page's heading, which takes the focus when one came from another page, as a whole new page would. */
export function usePageHeading(): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!isFirstPage) {
      heading.current?.focus();
    }
    isFirstPage = false;
  }, []);
  return heading;
}
