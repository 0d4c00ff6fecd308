//! What this site is to passkeys: the name that they are bound to, and the ceremonies with them (WebAuthn).

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use webauthn_rs::prelude::{
    CreationChallengeResponse, CredentialID, Passkey, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, RequestChallengeResponse, Url, Uuid,
    Webauthn, WebauthnBuilder, WebauthnError,
};

/// What browsers call this site when they ask for a passkey.
const NAME: &str = "Blazing Sun";

/// This site, as passkeys know it: by its host's name. A site that has only a number has no passkeys.
pub struct RelyingParty(Option<Webauthn>);

/// Why a ceremony came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// The site has no name.
    #[error("the site has no name that a passkey could be bound to")]
    NoName,
    /// What the passkey answered is not right.
    #[error("the passkey's answer is refused: {0}")]
    Refused(WebauthnError),
    /// The passkey's counter went back: there may be a copy of it.
    #[error("the passkey's counter has not risen")]
    Counter,
    /// The ceremony could not begin.
    #[error("the ceremony cannot begin: {0}")]
    Begin(WebauthnError),
    /// What the database holds cannot be read.
    #[error("what is kept of a ceremony or a passkey cannot be read: {0}")]
    Kept(#[from] serde_json::Error),
}

/// A ceremony that began: what the browser is asked, and what is kept until it answers.
pub struct Begun<T> {
    /// For the browser.
    pub options: T,
    /// For the database.
    pub state: Value,
}

impl RelyingParty {
    /// The site at this address.
    pub fn new(site: &str) -> anyhow::Result<Self> {
        let origin = Url::parse(site)?;
        let Some(name) = origin.domain() else {
            tracing::warn!("the site has no name, only a number: there are no passkeys");
            return Ok(Self(None));
        };
        let party = WebauthnBuilder::new(name, &origin)?.rp_name(NAME).build()?;
        Ok(Self(Some(party)))
    }

    fn party(&self) -> Result<&Webauthn, CeremonyError> {
        self.0.as_ref().ok_or(CeremonyError::NoName)
    }

    /// Asks for a new passkey of an account, none of those that it has.
    pub fn begin_registration(
        &self,
        account: Uuid,
        name: &str,
        kept: Vec<Value>,
    ) -> Result<Begun<CreationChallengeResponse>, CeremonyError> {
        let known: Vec<CredentialID> = read::<Passkey>(kept)?
            .iter()
            .map(|passkey| passkey.cred_id().clone())
            .collect();
        let (options, state) = self
            .party()?
            .start_passkey_registration(account, name, name, Some(known))
            .map_err(CeremonyError::Begin)?;
        begun(options, &state)
    }

    /// Takes a new passkey: what it is known by, and what is to be kept of it.
    pub fn finish_registration(
        &self,
        state: Value,
        answer: &RegisterPublicKeyCredential,
    ) -> Result<(Vec<u8>, Value), CeremonyError> {
        let state: PasskeyRegistration = serde_json::from_value(state)?;
        let passkey = self
            .party()?
            .finish_passkey_registration(answer, &state)
            .map_err(CeremonyError::Refused)?;
        Ok((
            passkey.cred_id().as_slice().to_vec(),
            serde_json::to_value(&passkey)?,
        ))
    }

    /// Asks for one of these passkeys.
    pub fn begin_authentication(
        &self,
        kept: Vec<Value>,
    ) -> Result<Begun<RequestChallengeResponse>, CeremonyError> {
        let passkeys = read(kept)?;
        let (options, state) = self
            .party()?
            .start_passkey_authentication(&passkeys)
            .map_err(CeremonyError::Begin)?;
        begun(options, &state)
    }

    /// Checks the answer of the passkey `kept`, and returns what is to be kept of it from now on.
    pub fn finish_authentication(
        &self,
        state: Value,
        answer: &PublicKeyCredential,
        kept: Value,
    ) -> Result<Value, CeremonyError> {
        let state: PasskeyAuthentication = serde_json::from_value(state)?;
        let result = self
            .party()?
            .finish_passkey_authentication(answer, &state)
            .map_err(CeremonyError::Refused)?;
        // The ceremony compared with what the counter was when it began; another may have ended since.
        let last = kept.pointer("/cred/counter").and_then(Value::as_u64);
        let last = last.ok_or(CeremonyError::Counter)?;
        let counter = u64::from(result.counter());
        if (counter, last) != (0, 0) && counter <= last {
            return Err(CeremonyError::Counter);
        }
        let mut passkey: Passkey = serde_json::from_value(kept)?;
        passkey.update_credential(&result);
        Ok(serde_json::to_value(&passkey)?)
    }
}

fn read<T: DeserializeOwned>(kept: Vec<Value>) -> Result<Vec<T>, CeremonyError> {
    let read: Result<_, _> = kept.into_iter().map(serde_json::from_value).collect();
    Ok(read?)
}

fn begun<T>(options: T, state: &impl Serialize) -> Result<Begun<T>, CeremonyError> {
    let state = serde_json::to_value(state)?;
    Ok(Begun { options, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passkey_is_bound_to_the_name_of_the_site() {
        let party = RelyingParty::new("https://money.example:8443").expect("a site");
        let begun = party
            .begin_registration(Uuid::nil(), "ada@example.org", Vec::new())
            .expect("a ceremony");
        let options = serde_json::to_value(&begun.options).expect("JSON");
        assert_eq!(options["publicKey"]["rp"]["id"], "money.example");
        assert_eq!(
            options["publicKey"]["authenticatorSelection"]["userVerification"],
            "required"
        );
    }

    #[test]
    fn a_site_with_a_number_for_a_name_has_no_passkeys() {
        let party = RelyingParty::new("https://192.0.2.1").expect("a site");
        let refused = party.begin_authentication(Vec::new());
        assert!(matches!(refused, Err(CeremonyError::NoName)));
    }
}
