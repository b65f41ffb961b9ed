const TEXTS = {
  en: {
    title: "Log in to Phasewise",
    labels: { password: "Password", token: "Access token", both: "Password or access token" },
    button: "Log in",
    wrong: { password: "That is not the password.", token: "That is not the access token.", both: "That is neither the password nor the access token." },
    wait: (seconds) => `Too many attempts. Try again in ${seconds} s.`,
    silent: "Phasewise does not answer. Check that it runs, then try again.",
    cookies: "This browser keeps no cookies for this page, so it can't log in.",
    hint: { password: "Forgotten? Set a new one with “phasewise password FILE”.", token: "It is in the file that web.token_file names in the configuration." },
  },
  nl: {
    title: "Inloggen bij Phasewise",
    labels: { password: "Wachtwoord", token: "Toegangscode", both: "Wachtwoord of toegangscode" },
    button: "Inloggen",
    wrong: { password: "Dat is niet het wachtwoord.", token: "Dat is niet de toegangscode.", both: "Dat is noch het wachtwoord, noch de toegangscode." },
    wait: (seconds) => `Te veel pogingen. Probeer het over ${seconds} s opnieuw.`,
    silent: "Phasewise antwoordt niet. Kijk of het draait en probeer het opnieuw.",
    cookies: "Deze browser bewaart geen cookies voor deze pagina, dus inloggen lukt niet.",
    hint: { password: "Vergeten? Stel een nieuw in met “phasewise password FILE”.", token: "De code staat in het bestand dat web.token_file in de configuratie noemt." },
  },
  de: {
    title: "Bei Phasewise anmelden",
    labels: { password: "Passwort", token: "Zugangscode", both: "Passwort oder Zugangscode" },
    button: "Anmelden",
    wrong: { password: "Das ist nicht das Passwort.", token: "Das ist nicht der Zugangscode.", both: "Das ist weder das Passwort noch der Zugangscode." },
    wait: (seconds) => `Zu viele Versuche. In ${seconds} s geht es wieder.`,
    silent: "Phasewise antwortet nicht. Bitte prüfen, ob es läuft, und noch einmal versuchen.",
    cookies: "Dieser Browser behält keine Cookies für diese Seite; so geht die Anmeldung nicht.",
    hint: { password: "Vergessen? „phasewise password FILE“ setzt ein neues.", token: "Er steht in der Datei, die web.token_file in der Konfiguration nennt." },
  },
};

/** As the dashboard keeps it; a private window may refuse to tell. */
function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

const languages = [remembered("phasewise.language"), ...navigator.languages.map((tag) => tag.slice(0, 2))];
const language = languages.find((tag) => Object.hasOwn(TEXTS, tag)) ?? "en";
const text = TEXTS[language];
const page = document.documentElement;
const ways = page.dataset.ways.split(" ").filter(Boolean);
const kind = ways.length === 2 ? "both" : ways[0];
const form = document.querySelector("form");
const input = document.querySelector("#secret");
const button = document.querySelector("button");
const message = document.querySelector("#problem");

page.lang = language;
const theme = remembered("phasewise.theme");
if (theme === "light" || theme === "dark") page.dataset.theme = theme;
document.title = text.title;
document.querySelector("label").textContent = text.labels[kind];
document.querySelector("#hint").textContent = text.hint[kind] ?? "";
button.textContent = text.button;

function ask(way) {
  return fetch("api/v1/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ [way]: input.value }),
  });
}

async function login() {
  let answer;
  for (const way of ways) {
    answer = await ask(way);
    if (answer.status !== 401) break;
  }
  if (answer.ok) {
    const session = await fetch("api/v1/session");
    if (!session.ok) return text.cookies;
    location.reload();
    return "";
  }
  if (answer.status === 401) return text.wrong[kind];
  if (answer.status === 429) return text.wait(answer.headers.get("Retry-After"));
  return (await answer.json()).detail;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  message.textContent = "";
  button.disabled = true;
  try {
    message.textContent = await login();
  } catch {
    message.textContent = text.silent;
  }
  button.disabled = false;
  if (message.textContent) input.select();
});
