/** The frame around the views: navigation, connection, alarms, display preferences. */

import { plural } from "../locale.svelte";

export const shell = {
  views: {
    live: "Live",
    strategy: "Strategy",
    history: "History",
    why: "Why",
    settings: "Settings",
    setup: "Set-up",
  },
  navigation: "Views",
  skip: "Skip to the content",
  notLoaded: "This part of the page could not be loaded. It may be that Phasewise was updated, or can't be reached.",
  liveAt: "Live,",
  lastSeen: "Last seen",
  connecting: "Connecting to Phasewise…",
  noSubstitute: "It is no substitute for a fuse.",
  lost: {
    title: "Connection to Phasewise lost",
    old: (time: string) => `What you see below is of ${time} and may be wrong by now.`,
    check: "Is Phasewise running, and is this device on the same network?",
    retrying: "Trying again by itself.",
    reload: "Reload the page",
  },
  alarms: {
    title: "Alarms",
    info: "Notice",
    warning: "Warning",
    alarm: "Alarm",
    since: (time: string) => `Since ${time}.`,
    acknowledge: "Acknowledge",
    acknowledgeOne: (text: string) => `Acknowledge: ${text}`,
    acknowledgedCount: (n: number) => plural(n, "{n} acknowledged", "{n} acknowledged"),
    notificationTitle: (site: string) => `Phasewise, ${site}`,
  },
  display: {
    title: "Display",
    language: "Language",
    languageNotLoaded: "The language could not be loaded: Phasewise does not answer. Try again.",
    theme: "Colours",
    themes: { auto: "As this device", light: "Light", dark: "Dark" },
    density: "Size",
    densities: { normal: "Normal", wall: "Large, for a tablet on the wall" },
    notify: "Notify me of alarms on this device",
    notifyHelp: "While this page is open in a tab. Warnings and alarms only.",
    notifyUnsupported: "This browser shows no notifications of web pages.",
    notifyInsecure: "Browsers allow this only on an address with HTTPS.",
    notifyDenied: "This browser was told not to show notifications of this page. Change that in its settings.",
    logout: "Log out",
  },
};
