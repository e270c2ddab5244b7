"use strict";
// A link of `run.py sign-in` has its code behind the #, which browsers send to nobody. The form takes it from there.
const code = new URLSearchParams(location.hash.slice(1)).get("code");
const field = document.querySelector("form[action='/sign-in'] input[name='token']");
if (code && field) {
  history.replaceState(null, "", location.pathname);
  field.value = code;
  field.form.submit();
}
