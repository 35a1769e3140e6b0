// What the pages do by themselves. Without it everything works too, with a click more.
"use strict";

// "Connect to Databricks": opens the new tab, tells when the browser blocks it, and goes on once the person is signed in.
for (const prompt of document.querySelectorAll("[data-connect]")) {
  const form = prompt.querySelector("form[target]");
  const show = (state) => {
    for (const part of prompt.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
  };
  let began = Date.now();
  let turn = 0;
  const ask = async (mine) => {
    const answer = await fetch(prompt.dataset.connect, { redirect: "error" }).catch(() => null);
    if (answer?.ok && (await answer.json()).signed_in) return location.assign(prompt.dataset.next);
    const minutes = (Date.now() - began) / 60000;
    if (minutes > 1 && prompt.querySelector("[data-when=waiting]:not([hidden])")) show("late");
    if (mine === turn && minutes < 30) setTimeout(ask, minutes < 10 ? 1000 : 5000, mine);
  };
  form.addEventListener("submit", (event) => {
    const tab = window.open("about:blank", "fabric-auth-connect");
    if (!tab) {
      event.preventDefault();
      show("blocked");
      return;
    }
    // The page of another site is not to be able to lead this one elsewhere.
    tab.opener = null;
    form.target = "fabric-auth-connect";
    show("waiting");
    began = Date.now();
    ask(++turn);
  });
  ask(turn);
}

// The tab that was opened for a sign-in has done its work.
if (document.querySelector("[data-close]")) window.close();

const send = (url, form, more) => {
  const fields = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(more)) fields.set(name, value);
  return fetch(url, { method: "POST", body: fields, redirect: "error" });
};

// A form that is checked while it is filled in: what is wrong stands beside the field, once that has been filled in.
for (const form of document.querySelectorAll("form[data-check]")) {
  const touched = new Set();
  let newest = 0;
  form.addEventListener("change", async (event) => {
    touched.add(event.target.name);
    const mine = ++newest;
    const answer = await send(form.dataset.check, form, {}).catch(() => null);
    if (mine !== newest || !answer?.ok) return;
    const { field, message } = await answer.json();
    for (const place of form.querySelectorAll("[data-problem]")) {
      const isWrong = place.dataset.problem === field && touched.has(field);
      place.hidden = !isWrong;
      place.textContent = isWrong ? message : "";
      const control = form.elements[place.dataset.problem];
      if (control instanceof Element) control.toggleAttribute("aria-invalid", isWrong);
      if (isWrong && control instanceof Element) control.setAttribute("aria-invalid", "true");
    }
  });
}

// Test Connection, in the page that asked: each step appears as it is done.
for (const asking of document.querySelectorAll("[data-results]")) {
  const form = asking.form ?? asking;
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (asking !== form && asking !== button) return;
    event.preventDefault();
    const results = document.getElementById(asking.dataset.results);
    const more = { results_only: "yes", ...(button?.name && { [button.name]: button.value }) };
    results.replaceChildren();
    results.classList.add("working");
    button.disabled = true;
    try {
      const answer = await send(button?.getAttribute("formaction") ?? form.action, form, more);
      // A session that has ended leads to the page for signing in.
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(answer.status);
      const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let shown = "";
      for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) {
        shown += piece.value;
        results.innerHTML = shown;
      }
    } catch {
      results.textContent = "The service did not answer. Try again.";
    } finally {
      results.classList.remove("working");
      button.disabled = false;
    }
  });
}

// Values to copy exactly as they are.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}
