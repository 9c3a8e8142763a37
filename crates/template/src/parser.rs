// SPDX-License-Identifier: Apache-2.0
//! From words to a tree. Names are looked up here, as Go does: an unknown function or variable is an
//! error even where it is never reached.

use crate::error::Error;
use crate::functions;
use crate::lexer::{Token, Word, lex};
use crate::syntax::{Base, Binding, Branch, Command, Node, Operand, Pipeline, Place};

pub(crate) fn parse(text: &str) -> Result<Vec<Node>, Error> {
    let mut parser = Parser { text, tokens: lex(text)?, at: 0, variables: vec!["$".to_owned()], depth: 0 };
    let (nodes, end) = parser.list()?;
    match end {
        Stop::Template => Ok(nodes),
        Stop::Else => Err(parser.wrong("unexpected {{else}}")),
        Stop::End => Err(parser.wrong("unexpected {{end}}")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// In scope, the innermost last.
    variables: Vec<String>,
    depth: usize,
}

/// What an action is: a part of the template, or the end of a list of them.
enum Action {
    Node(Node),
    Stop(Stop),
}

/// What a list of nodes ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Template,
    /// Its action is still to be read on.
    Else,
    End,
}

impl Parser<'_> {
    fn list(&mut self) -> Result<(Vec<Node>, Stop), Error> {
        let mut nodes = Vec::new();
        while let Some(word) = self.next() {
            match word {
                Word::Text(text) => nodes.push(Node::Text(text)),
                _ => match self.action()? {
                    Action::Node(node) => nodes.push(node),
                    Action::Stop(stop) => return Ok((nodes, stop)),
                },
            }
        }
        Ok((nodes, Stop::Template))
    }

    /// After `{{`.
    fn action(&mut self) -> Result<Action, Error> {
        let name = match self.peek() {
            Some(Word::Name(name)) => name.clone(),
            _ => String::new(),
        };
        let keyword = KEYWORDS.contains(&name.as_str());
        if keyword {
            self.at += 1;
        }
        let node = match name.as_str() {
            "if" => Node::If(self.branch("if")?),
            "with" => Node::With(self.branch("with")?),
            "range" => Node::Range(self.branch("range")?),
            "else" => return Ok(Action::Stop(Stop::Else)),
            "end" => {
                self.close("end")?;
                return Ok(Action::Stop(Stop::End));
            }
            "define" | "template" | "block" | "break" | "continue" => {
                return Err(self.wrong(&format!("{{{{{name}}}}} is not supported here")));
            }
            _ => {
                let pipeline = self.pipeline("command", &Word::Close)?;
                Node::Say(pipeline)
            }
        };
        Ok(Action::Node(node))
    }

    fn branch(&mut self, keyword: &'static str) -> Result<Branch, Error> {
        self.deeper()?;
        let scope = self.variables.len();
        let pipeline = self.pipeline(keyword, &Word::Close)?;
        let (then, end) = self.list()?;
        let otherwise = match end {
            Stop::Template => return Err(self.wrong("unexpected EOF")),
            Stop::End => Vec::new(),
            Stop::Else => self.otherwise(keyword)?,
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(Branch { pipeline, then, otherwise })
    }

    /// Behind `else`: the rest of the branch, or another one in its place.
    fn otherwise(&mut self, keyword: &'static str) -> Result<Vec<Node>, Error> {
        let again = matches!(self.peek(), Some(Word::Name(name)) if name == keyword && keyword != "range");
        if again {
            self.at += 1;
            let branch = self.branch(keyword)?;
            return Ok(vec![if keyword == "if" { Node::If(branch) } else { Node::With(branch) }]);
        }
        self.close("else")?;
        match self.list()? {
            (nodes, Stop::End) => Ok(nodes),
            (_, Stop::Else) => Err(self.wrong("expected end; found {{else}}")),
            (_, Stop::Template) => Err(self.wrong("unexpected EOF")),
        }
    }

    /// Up to `end`, which is taken, too.
    fn pipeline(&mut self, context: &str, end: &Word) -> Result<Pipeline, Error> {
        self.deeper()?;
        let (names, binding) = self.names(context)?;
        let mut commands = Vec::new();
        loop {
            let command = self.command(context)?;
            let is_value = !command.operands.iter().all(|operand| operand.is_callable());
            if !commands.is_empty() && command.operands.len() == 1 && is_value {
                return Err(self.wrong("non executable command in pipeline"));
            }
            commands.push(command);
            match self.next() {
                Some(Word::Pipe) => {}
                Some(word) if word == *end => break,
                Some(Word::Close) => return Err(self.wrong("unclosed left paren")),
                Some(_) => return Err(self.unexpected(context)),
                None => return Err(self.wrong("unexpected EOF")),
            }
        }
        if binding == Binding::Declare {
            self.variables.extend(names.iter().cloned());
        }
        self.depth -= 1;
        Ok(Pipeline { names, binding, commands })
    }

    /// `$x :=`, `$x =`, and in a range `$k, $v :=`.
    fn names(&mut self, context: &str) -> Result<(Vec<String>, Binding), Error> {
        let variable = |token: Option<&Token>| match token.map(|token| &token.word) {
            Some(Word::Variable(name)) => Some(name.clone()),
            _ => None,
        };
        let ahead = |count: usize| self.tokens.get(self.at + count);
        let Some(first) = variable(ahead(0)) else { return Ok((Vec::new(), Binding::Declare)) };
        let (names, length) = match ahead(1).map(|token| &token.word) {
            Some(Word::Declare | Word::Assign) => (vec![first], 1),
            Some(Word::Comma) if context == "range" => match variable(ahead(2)) {
                Some(second) => (vec![first, second], 3),
                None => return Err(self.wrong("range can only initialize variables")),
            },
            Some(Word::Comma) => return Err(self.wrong(&format!("too many declarations in {context}"))),
            _ => return Ok((Vec::new(), Binding::Declare)),
        };
        let binding = match ahead(length).map(|token| &token.word) {
            Some(Word::Declare) => Binding::Declare,
            Some(Word::Assign) => Binding::Assign,
            _ => return Err(self.unexpected(context)),
        };
        if binding == Binding::Assign {
            names.iter().try_for_each(|name| self.known(name))?;
        }
        self.at += length + 1;
        Ok((names, binding))
    }

    fn command(&mut self, context: &str) -> Result<Command, Error> {
        let mut operands = Vec::new();
        while let Some(operand) = self.operand(context)? {
            operands.push(operand);
        }
        let (Some(first), Some(last)) = (operands.first(), operands.last()) else {
            return Err(match self.peek() {
                Some(Word::Close | Word::Pipe | Word::Right) => {
                    self.wrong(&format!("missing value for {context}"))
                }
                Some(_) => {
                    self.at += 1;
                    self.unexpected(context)
                }
                None => self.wrong("unexpected EOF"),
            });
        };
        let place = Place { at: first.place.at, start: first.place.start, end: last.place.end };
        Ok(Command { operands, place })
    }

    fn operand(&mut self, context: &str) -> Result<Option<Operand>, Error> {
        let Some(token) = self.tokens.get(self.at).cloned() else { return Ok(None) };
        let mut fields = Vec::new();
        let base = match token.word {
            Word::Dot => Base::Dot,
            Word::Field(name) => {
                fields.push(name);
                Base::Dot
            }
            Word::Variable(name) => {
                self.known(&name)?;
                Base::Variable(name)
            }
            Word::Name(name) => self.name(name)?,
            Word::Quoted(text) => Base::Text(text),
            Word::Int(number) => Base::Int(number),
            Word::Float(number) => Base::Float(number),
            Word::Left => {
                self.at += 1;
                let group = self.pipeline("parenthesized pipeline", &Word::Right)?;
                self.at -= 1;
                Base::Group(Box::new(group))
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(self.chained(base, fields, token.start, context)?))
    }

    /// With the fields that follow without a space. Go's errors point at the first of them.
    fn chained(
        &mut self,
        base: Base,
        mut fields: Vec<String>,
        start: usize,
        context: &str,
    ) -> Result<Operand, Error> {
        let mut at = None;
        while let Some(Token { word: Word::Field(name), glued: true, start, .. }) = self.tokens.get(self.at) {
            at = at.or(Some(*start));
            fields.push(name.clone());
            self.at += 1;
        }
        let literal =
            matches!(base, Base::Text(_) | Base::Int(_) | Base::Float(_) | Base::Bool(_) | Base::Nil);
        if literal && !fields.is_empty() {
            return Err(self.wrong(&format!("unexpected . after a constant in {context}")));
        }
        let end = self.tokens[self.at - 1].end;
        Ok(Operand { base, fields, place: Place { at: at.unwrap_or(start), start, end } })
    }

    fn name(&self, name: String) -> Result<Base, Error> {
        match name.as_str() {
            "true" => Ok(Base::Bool(true)),
            "false" => Ok(Base::Bool(false)),
            "nil" => Ok(Base::Nil),
            _ if functions::is_known(&name) => Ok(Base::Function(name)),
            _ => Err(self.wrong(&format!("function {name:?} not defined"))),
        }
    }

    fn known(&self, name: &str) -> Result<(), Error> {
        match self.variables.iter().any(|known| known == name) {
            true => Ok(()),
            false => Err(self.wrong(&format!("undefined variable {name:?}"))),
        }
    }

    fn close(&mut self, context: &str) -> Result<(), Error> {
        match self.next() {
            Some(Word::Close) => Ok(()),
            _ => Err(self.unexpected(context)),
        }
    }

    fn deeper(&mut self) -> Result<(), Error> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err(self.wrong(&format!("it nests deeper than {DEEPEST}"))),
            false => Ok(()),
        }
    }

    fn next(&mut self) -> Option<Word> {
        let word = self.peek().cloned();
        self.at += usize::from(word.is_some());
        word
    }

    fn peek(&self) -> Option<&Word> {
        self.tokens.get(self.at).map(|token| &token.word)
    }

    /// About the word that was just taken.
    fn unexpected(&self, context: &str) -> Error {
        match self.tokens.get(self.at.saturating_sub(1)) {
            Some(token) => {
                let text = &self.text[token.start..token.end];
                self.wrong(&format!("unexpected {text:?} in {context}"))
            }
            None => self.wrong("unexpected EOF"),
        }
    }

    fn wrong(&self, reason: &str) -> Error {
        let at = self.tokens.get(self.at.saturating_sub(1)).map_or(0, |token| token.start);
        Error::syntax(self.text, at, reason)
    }
}

impl Operand {
    /// What may stand alone behind a pipe.
    fn is_callable(&self) -> bool {
        !matches!(
            self.base,
            Base::Text(_) | Base::Int(_) | Base::Float(_) | Base::Bool(_) | Base::Nil | Base::Dot
        ) || !self.fields.is_empty()
    }
}

const KEYWORDS: [&str; 10] =
    ["if", "with", "range", "else", "end", "define", "template", "block", "break", "continue"];
/// Of branches and parentheses.
const DEEPEST: usize = 100;
