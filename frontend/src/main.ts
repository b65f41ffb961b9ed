import { mount } from "svelte";

import App from "./App.svelte";
import "./app.css";
import { display } from "./lib/display.svelte";

const target = document.getElementById("app");
if (target === null) throw new Error("index.html has no element with the id 'app'");
display.start();
mount(App, { target });
