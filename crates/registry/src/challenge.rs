// SPDX-License-Identifier: Apache-2.0
//! `WWW-Authenticate` (RFC 9110, section 11.6.1): what a server wants to see before it answers.

/// One challenge: a scheme and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter; the first when it is there twice, as servers' own checks read it.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The challenges of one header field. What cannot be read ends the list: a challenge that is cut off
/// asks for nothing that could be given.
pub fn parse(text: &str) -> Vec<Challenge> {
    let mut rest = text.get(..LONGEST).unwrap_or(text);
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (name, after) = token(rest);
        if name.is_empty() || challenges.len() >= MOST {
            return challenges;
        }
        let behind = after.trim_start_matches([' ', '\t']);
        match behind.strip_prefix('=') {
            // `name=value` belongs to the challenge before it; `==` can only be a token68.
            Some(value) if !value.starts_with('=') => {
                let Some((value, after)) = word(value.trim_start_matches([' ', '\t'])) else {
                    return challenges;
                };
                let Some(challenge) = challenges.last_mut() else { return challenges };
                if challenge.parameters.len() < MOST {
                    challenge.parameters.push((name.to_ascii_lowercase(), value));
                }
                rest = after;
            }
            Some(_) => return challenges,
            None => {
                challenges.push(Challenge { scheme: name.to_ascii_lowercase(), parameters: Vec::new() });
                rest = without_token68(behind);
            }
        }
    }
}

/// Leaves a credential-like word (`Negotiate YII=`) out, which no scheme of ours has.
fn without_token68(text: &str) -> &str {
    let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let bare = word.trim_end_matches('=');
    let is_token68 = !bare.is_empty()
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
    let ends = after.trim_start_matches([' ', '\t']);
    if is_token68
        && (word.len() > bare.len() || ends.starts_with(','))
        && (ends.is_empty() || ends.starts_with(','))
    {
        after
    } else {
        text
    }
}

/// A token and what is behind it.
fn token(text: &str) -> (&str, &str) {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
    text.split_at(end)
}

/// A token or a quoted string, and what is behind it.
fn word(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, after) = token(text);
        return (!word.is_empty()).then(|| (word.to_owned(), after));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

const LONGEST: usize = 16 << 10;
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_send() {
        let text = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#;
        let challenges = parse(text);
        assert_eq!(challenges.len(), 1);
        assert_eq!(challenges[0].scheme, "bearer");
        assert_eq!(challenges[0].parameter("realm"), Some("https://auth.example/token"));
        assert_eq!(challenges[0].parameter("scope"), Some("repository:a/b:pull,push"));
        assert_eq!(challenges[0].parameter("error"), None);
    }

    #[test]
    fn several_in_one_field() {
        let text =
            r#"Negotiate, NTLM TlRMTVNTUAAC==, Basic realm="a, \"b\"" , , BEARER Realm=x , service = "y""#;
        let challenges = parse(text);
        let schemes: Vec<&str> = challenges.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["negotiate", "ntlm", "basic", "bearer"]);
        assert_eq!(challenges[2].parameter("realm"), Some("a, \"b\""));
        assert_eq!(challenges[3].parameter("realm"), Some("x"));
        assert_eq!(challenges[3].parameter("service"), Some("y"));
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        for text in
            ["", "=", "a=b", "\"", "Bearer realm=\"never ends", "Bearer realm=", "\u{e9}", "Basic ==,"]
        {
            assert!(parse(text).iter().all(|challenge| challenge.parameter("realm").is_none()), "{text}");
        }
        assert!(parse(&"a, ".repeat(100)).len() <= MOST);
    }
}
