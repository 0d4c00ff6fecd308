// Asks the browser for a passkey and puts its answer into the form that asked. The form is hidden until this runs, so
// that whoever has no script, or a browser without passkeys, sees the sentence beside it instead.

const form = document.querySelector("form[data-passkey]");
const known = window.PublicKeyCredential;

if (form && known && known.parseCreationOptionsFromJSON && known.parseRequestOptionsFromJSON) {
  const failed = form.querySelector("[data-passkey-failed]");
  const options = JSON.parse(form.dataset.options).publicKey;

  form.hidden = false;
  document.querySelector("[data-passkey-missing]").hidden = true;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failed.hidden = true;
    try {
      const credential =
        form.dataset.passkey === "create"
          ? await navigator.credentials.create({ publicKey: known.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: known.parseRequestOptionsFromJSON(options) });
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      failed.hidden = false;
    }
  });
}
