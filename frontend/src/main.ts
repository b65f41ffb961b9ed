import { mount } from "svelte";

import App from "./App.svelte";
import "./app.css";
import { display } from "./lib/display.svelte";
import { i18n, load } from "./lib/i18n";
import { route } from "./lib/route.svelte";

const target = document.getElementById("app");
if (target === null) throw new Error("index.html has no element with the id 'app'");
display.start();
await load(i18n.language);
// The address may have changed meanwhile.
route.follow();
mount(App, { target });
