// What the pages do by themselves. Without it everything works too, with a click more.
"use strict";

// "Connect to Databricks": opens the new tab, tells when the browser blocks it, and goes on once the person is signed in.
for (const prompt of document.querySelectorAll("[data-connect]")) {
  const form = prompt.querySelector("form[target]");
  const show = (state) => {
    for (const part of prompt.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
  };
  const ask = async (began) => {
    const answer = await fetch(prompt.dataset.connect, { redirect: "error" }).catch(() => null);
    if (answer?.ok && (await answer.json()).signed_in) return location.assign(prompt.dataset.next);
    const minutes = (Date.now() - began) / 60000;
    if (minutes > 1 && prompt.querySelector("[data-when=waiting]:not([hidden])")) show("late");
    if (minutes < 30) setTimeout(ask, minutes < 10 ? 1000 : 5000, began);
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
  });
  ask(Date.now());
}

// The tab that was opened for a sign-in has done its work.
if (document.querySelector("[data-close]")) window.close();
