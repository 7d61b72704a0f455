//! Signing in, and what the server answers.

use hph_client::core::time::Duration;
use hph_client::core::wire::control::{Refusal, is_code};
use hph_client::link::Given;

use super::first::ungrouped;
use super::{Account, Connection, Effect, Effects, EndReason, Field, Focus, Now, Problem, SignIn, Way};
use crate::text::typed;
use crate::trouble::Trouble;

impl SignIn {
    pub(super) fn submit(&mut self, now: Now, effects: &mut Effects) {
        let Some(target) = self.target.clone() else { return };
        if !self.may_submit(now.at) {
            return;
        }
        match self.secret().and_then(|secret| Ok((secret, self.account()?))) {
            Ok((secret, account)) => {
                let account = match secret {
                    Some(secret) => Account::Invited { secret, account: Box::new(account) },
                    None => account,
                };
                (self.is_busy, self.problem) = (true, None);
                let pin = target.pin.or(self.offer.as_ref().map(|offer| offer.pin));
                effects.push(Effect::Connect(Box::new(Connection {
                    host: target.host,
                    port: target.port,
                    pin,
                    account,
                })));
            }
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// Nine digits.
    fn typed_code(&self) -> Result<String, Problem> {
        let code = ungrouped(&self.code);
        let flaw = if code.is_empty() { typed::Flaw::Empty } else { typed::Flaw::Form };
        if is_code(&code) { Ok(code) } else { Err(Problem::Field(Field::Code, flaw)) }
    }

    /// What one was given, if anything: nine digits that were typed count before what the link says.
    fn secret(&self) -> Result<Option<String>, Problem> {
        if self.is_forgotten {
            return Ok(None);
        }
        if self.is_code_asked {
            return self.typed_code().map(Some);
        }
        let given = self.target.as_ref().and_then(|target| target.given.as_ref());
        Ok(match given {
            Some(Given::Invite(secret) | Given::Own(secret)) => Some(secret.clone()),
            Some(Given::Enrol(_)) | None => None,
        })
    }

    /// The server knows by the code whose account it is.
    fn new_password(&self) -> Result<Account, Problem> {
        let code = self.typed_code()?;
        if self.password.is_empty() {
            return Err(Problem::Field(Field::Password, typed::Flaw::Empty));
        }
        Ok(Account::NewPassword { code, password: self.password.clone() })
    }

    fn account(&self) -> Result<Account, Problem> {
        if self.is_forgotten {
            return self.new_password();
        }
        let field = |field| move |flaw| Problem::Field(field, flaw);
        let display_name = || typed::display_name(&self.display_name).map_err(field(Field::DisplayName));
        let username = || typed::username(&self.username).map_err(field(Field::Username));
        let email = || typed::email(&self.email).map_err(field(Field::Email));
        if self.way != Way::Guest && self.password.is_empty() {
            // Names first: one is told of what stands above.
            username()?;
            return Err(Problem::Field(Field::Password, typed::Flaw::Empty));
        }
        let password = self.password.clone();
        Ok(match self.way {
            Way::Guest => Account::Guest { display_name: display_name()?, email: email()? },
            Way::Password => Account::Password {
                username: username()?,
                password,
                email: String::new(),
                display_name: String::new(),
                may_register: false,
            },
            Way::Register => Account::Password {
                display_name: display_name()?,
                username: username()?,
                password,
                email: email()?,
                may_register: true,
            },
        })
    }

    /// Signed in: the password is no longer needed.
    pub fn handle_signed_in(&mut self) {
        self.password.clear();
        // After a reconnect nothing of it is there any more.
        self.was_invited |= self.is_invited();
        self.forget_code();
        (self.is_busy, self.problem, self.is_password_shown, self.retry_at) = (false, None, false, None);
    }

    /// The engine ended while signing in.
    pub fn handle_ended(&mut self, reason: &EndReason, now: Now, effects: &mut Effects) {
        self.is_busy = false;
        let EndReason::Refused { reason, retry_after_s, methods } = reason else {
            self.problem = Some(Problem::Trouble(Trouble::of_end(reason)));
            return;
        };
        if let Some(offer) = &mut self.offer {
            offer.methods = *methods;
        }
        if *retry_after_s > 0 {
            self.retry_at = Some(now.at + Duration::from_secs((*retry_after_s).into()));
        }
        self.problem = Some(match reason {
            Refusal::SignIn => {
                // The name stays, the password is selected.
                effects.push(Effect::Focus(Focus::Password));
                Problem::WrongPassword
            }
            Refusal::NameTaken => Problem::NameTaken,
            Refusal::EmailTaken => Problem::EmailTaken,
            Refusal::TooFast => Problem::TooFast,
            other => Problem::Trouble(Trouble::of_refusal(*other)),
        });
    }
}
