// What several screens need of the browser.

import { useEffect, useRef, useState, useSyncExternalStore, type RefObject } from "react";
import { flushSync } from "react-dom";

import { currentSession, subscribe, type Session } from "./session";

/** Who uses the page. */
export function useSession(): Session {
  return useSyncExternalStore(subscribe, currentSession);
}

/** Calls back when the token has run out: what comes without one says so at once, rather than at the next click. */
export function useSessionEnd(callback: () => void): void {
  const session = useSession();
  const hasEnded = session.kind === "open" && session.hasEnded;
  useEffect(() => {
    if (hasEnded) {
      callback();
    }
  }, [hasEnded]);
}

/**
 * A secret, for as long as it is on the screen. It lives in here and nowhere else: not in the URL, storage, history or the
 * client's cache; and it is forgotten when the page is left, even if the browser keeps it to show it again.
 */
export function useShownOnce<T>(): [T | undefined, (shown: T | undefined) => void] {
  const [shown, setShown] = useState<T>();
  useEffect(() => {
    const forget = () => flushSync(() => setShown(undefined));
    window.addEventListener("pagehide", forget);
    window.addEventListener("popstate", forget);
    return () => {
      window.removeEventListener("pagehide", forget);
      window.removeEventListener("popstate", forget);
    };
  }, []);
  return [shown, setShown];
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
