//! What one call of the storm asks for, what goes wrong with it, and what it owes for that.

use std::time::Duration;

use sandbox::provider::{End, Recorded};
use serde_json::{Value, json};

use crate::gateway::raw::{self, Leave};

/// Numbers that a seed decides (splitmix64).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn size(&mut self, end: u64) -> usize {
        usize::try_from(self.below(end)).unwrap()
    }
}

/// A provider's API, and what its model costs in billionths of a dollar a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Api {
    OpenAi,
    Anthropic,
    Gemini,
}

impl Api {
    /// Of input and of output.
    const fn prices(self) -> (i64, i64) {
        match self {
            Self::OpenAi => (2500, 10_000),
            Self::Anthropic => (3000, 15_000),
            Self::Gemini => (300, 2500),
        }
    }
}

/// What a provider does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// Nothing that takes a byte away: slow, in odd pieces, with comments, with a giant word.
    None,
    /// It answers with an error, or hangs up, or doesn't answer.
    Refuses,
    /// It resets the connection after so many bytes.
    Cut,
    /// It sends nothing more after some events.
    Stall,
    /// It sends something that is no event, and goes on.
    Malformed,
    /// It ends with an error.
    Error,
    /// It sends bytes after the end.
    Trailing,
    /// It tells no usage.
    Silent,
    /// It packs what nobody has asked it to pack.
    Packed,
    /// It tells far more than it was asked for.
    Exaggerates,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name, in the request and in its log.
    pub name: String,
    pub api: Api,
    pub stream: bool,
    pub trouble: Trouble,
    pub leave: Leave,
    prompt: String,
    words: u64,
    limit: u64,
    headers: Vec<(&'static str, String)>,
}

/// What a call must have been charged, by what its provider has recorded of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Owed {
    /// No charge.
    Nothing,
    /// So many billionths, by what the provider told.
    Exactly(i64),
    /// All that was held.
    AllHeld,
    /// Something, by an estimate.
    Estimate,
    /// Something where any of it has come, and nothing otherwise.
    WhatCame,
}

impl Plan {
    pub fn draw(random: &mut Random, number: usize) -> Self {
        let api = [Api::OpenAi, Api::Anthropic, Api::Gemini][random.size(3)];
        let (trouble, leave) = fate(random);
        let mut plan = Self {
            name: format!("storm-{number}"),
            api,
            stream: random.below(4) > 0,
            trouble,
            leave,
            prompt: String::new(),
            words: 1 + random.below(60),
            limit: 10 + random.below(200),
            headers: Vec::new(),
        };
        let wish = plan.wish(random);
        plan.prompt = format!("{} [sandbox words={} {wish}]", plan.name, plan.words);
        if trouble == Trouble::Stall {
            // Nothing else would end it soon.
            plan.leave = Leave::After(Duration::from_millis(20 + random.below(200)));
        }
        plan
    }

    /// What the provider is told to do.
    fn wish(&mut self, random: &mut Random) -> String {
        let some = random.below(8);
        match self.trouble {
            Trouble::None => match some {
                0 => format!("piece_bytes={}", 1 + random.below(9)),
                1 => format!("giant_bytes={}", random.below(200_000)),
                2 => "comments crlf".to_owned(),
                3 => format!("between_ms={}", 1 + random.below(5)),
                4 => format!("first_byte_ms={}", random.below(60)),
                _ => String::new(),
            },
            Trouble::Refuses => match some {
                0 | 1 => self.retried("status=429", random),
                2 | 3 => self.retried("status=503", random),
                4 => "status=400".to_owned(),
                5 => "close".to_owned(),
                6 => "close reset".to_owned(),
                _ => {
                    self.headers
                        .push(("cf-aig-request-timeout", "50".to_owned()));
                    "hang".to_owned()
                }
            },
            Trouble::Cut => {
                let bytes = 1 + random.below(3000);
                let after = random.below(3);
                let by = if some < 4 { "reset" } else { "" };
                format!("piece_bytes={bytes} disconnect_after={after} {by}")
            }
            Trouble::Stall => format!("stall_after={some}"),
            Trouble::Malformed => format!("malformed_after={some}"),
            Trouble::Error => format!("error_after={some}"),
            Trouble::Trailing => r#"trailing="\n\nbytes-after-the-end\n""#.to_owned(),
            Trouble::Silent => r#"usage="missing""#.to_owned(),
            Trouble::Packed => r#"gzip="always""#.to_owned(),
            Trouble::Exaggerates => "output_tokens=1000000".to_owned(),
        }
    }

    fn retried(&mut self, wish: &str, random: &mut Random) -> String {
        let attempts = 1 + random.below(3);
        self.headers
            .push(("cf-aig-max-attempts", attempts.to_string()));
        wish.to_owned()
    }

    /// The request as bytes.
    pub fn request(&self, account: &str, token: &str) -> Vec<u8> {
        let path = format!("/v1/{account}/default/{}", self.path());
        let authorization = format!("Bearer {token}");
        let mut headers = vec![
            ("cf-aig-authorization", authorization.as_str()),
            ("cf-aig-event-id", &self.name),
        ];
        if self.api == Api::Anthropic {
            headers.push(("anthropic-version", "2023-06-01"));
        }
        headers.extend(self.headers.iter().map(|(name, value)| (*name, &**value)));
        raw::request(&path, &headers, &self.body().to_string())
    }

    fn path(&self) -> &'static str {
        match (self.api, self.stream) {
            (Api::OpenAi, _) => "openai/v1/chat/completions",
            (Api::Anthropic, _) => "anthropic/v1/messages",
            (Api::Gemini, false) => {
                "google-ai-studio/v1beta/models/gemini-2.5-flash:generateContent"
            }
            (Api::Gemini, true) => {
                "google-ai-studio/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
            }
        }
    }

    fn body(&self) -> Value {
        let (prompt, limit, stream) = (&self.prompt, self.limit, self.stream);
        let messages = json!([{"role": "user", "content": prompt}]);
        match self.api {
            Api::OpenAi => json!({"model": "gpt-4o", "max_tokens": limit, "stream": stream,
                "messages": messages}),
            Api::Anthropic => json!({"model": "claude-sonnet-4-5", "max_tokens": limit,
                "stream": stream, "messages": messages}),
            Api::Gemini => json!({"generationConfig": {"maxOutputTokens": limit},
                "contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
        }
    }

    /// What is owed for a call of which the provider has recorded this.
    pub fn owed(&self, recorded: &[&Recorded]) -> Owed {
        let Some(last) = recorded.last().filter(|last| last.status == Some(200)) else {
            return Owed::Nothing;
        };
        let told = Owed::Exactly(self.told(last));
        match self.trouble {
            _ if last.end != Some(End::Finished) => Owed::WhatCame,
            // A short answer may be whole before its trouble comes.
            Trouble::None | Trouble::Cut | Trouble::Stall | Trouble::Packed => told,
            Trouble::Malformed | Trouble::Trailing if self.stream => told,
            // What is no JSON any more tells nothing.
            Trouble::Malformed | Trouble::Trailing => Owed::Estimate,
            Trouble::Silent => Owed::Estimate,
            Trouble::Exaggerates => Owed::AllHeld,
            Trouble::Error => Owed::WhatCame,
            Trouble::Refuses => panic!("{self:?} cannot end as {last:?}"),
        }
    }

    /// What the provider has told in an answer to this: a word is a token, up to the limit that came to it.
    fn told(&self, recorded: &Recorded) -> i64 {
        let body = &recorded.body;
        let limits = [
            &body["max_tokens"],
            &body["max_completion_tokens"],
            &body["generationConfig"]["maxOutputTokens"],
        ];
        let limit = limits.into_iter().find_map(Value::as_u64).unwrap();
        assert!(limit <= self.limit, "{self:?}: {body}");
        let (input, output) = self.api.prices();
        let read = i64::try_from(self.prompt.split_whitespace().count()).unwrap();
        read * input + i64::try_from(self.words.min(limit)).unwrap() * output
    }
}

/// A third goes wrong: at the provider's end, at the client's, or at both.
fn fate(random: &mut Random) -> (Trouble, Leave) {
    let troubles = [
        Trouble::Refuses,
        Trouble::Cut,
        Trouble::Cut,
        Trouble::Stall,
        Trouble::Malformed,
        Trouble::Error,
        Trouble::Trailing,
        Trouble::Silent,
        Trouble::Packed,
        Trouble::Exaggerates,
    ];
    let trouble = troubles[random.size(troubles.len() as u64)];
    match random.below(18) {
        0..3 => (trouble, Leave::AtTheEnd),
        3 => (trouble, leave(random)),
        4..6 => (Trouble::None, leave(random)),
        _ => (Trouble::None, Leave::AtTheEnd),
    }
}

fn leave(random: &mut Random) -> Leave {
    match random.below(8) {
        0 => Leave::Sending(random.size(700)),
        1 => Leave::After(Duration::from_millis(random.below(50))),
        _ => Leave::Reading(random.size(6000)),
    }
}
