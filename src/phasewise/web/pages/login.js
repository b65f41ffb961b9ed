const form = document.querySelector("form");
const message = document.querySelector("[role=alert]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  message.textContent = "";
  try {
    const answer = await fetch("/api/v1/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: document.querySelector("#token").value }),
    });
    if (answer.ok) {
      location.reload();
    } else {
      message.textContent = (await answer.json()).detail;
    }
  } catch {
    message.textContent = "Phasewise does not answer. Check that it runs, then try again.";
  }
});
