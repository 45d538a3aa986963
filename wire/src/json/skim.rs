//! JSON with what nobody here needs left out, as it streams by, in bounded memory.
//!
//! An answer can be a hundred megabytes of images or of vectors, and what it used stands at its end. So
//! a body is never kept: of each document only the members that a [`Shape`] names are copied, and of the
//! text that the model wrote only the length is counted. What is copied is JSON again, and small.
//!
//! This checks nothing: what is skipped may be any nonsense, and what is copied is parsed by others.

/// What to keep of a document: members by their names, wherever in what is entered they stand.
pub(crate) struct Shape {
    /// Copied with everything inside.
    pub(crate) whole: &'static [&'static str],
    /// Entered where they are objects or arrays, copied where they are anything else.
    pub(crate) inside: &'static [&'static str],
    /// Strings that the model wrote: counted, and not copied.
    pub(crate) text: &'static [&'static str],
    /// Objects that the model wrote: counted as they stand, and not copied.
    pub(crate) written: &'static [&'static str],
}

/// Of one document. Usage and what goes with it is less than a thousandth of that.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// No longer name is in any shape.
const NAME_BYTES_MAX: usize = 64;
/// What lies deeper is left out.
const DEPTH_MAX: usize = 24;

/// A document, or several one after the other, on their way through.
pub(crate) struct Skim {
    shape: &'static Shape,
    kept: Vec<u8>,
    /// Bytes of text that the model wrote, so far.
    text_bytes: u64,
    /// Documents that ended and were no JSON, were too large, or were cut.
    faults: u64,
    state: State,
    /// The containers that are being copied, from the outermost.
    stack: Vec<Container>,
    name: Vec<u8>,
}

#[derive(Copy, Clone)]
struct Container {
    is_object: bool,
    has_members: bool,
}

enum State {
    /// Before a value: after a colon, in an array, or between documents.
    Value,
    /// Before a member's name, or the end of the object.
    Name,
    InName {
        escaped: bool,
    },
    Colon,
    /// In a value that is copied whole or not at all.
    Opaque(Opaque),
    /// After a value, before a comma or the end.
    After,
}

struct Opaque {
    copied: bool,
    counted: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Digits of an escape still to come that stand for no byte of the text.
    uncounted: u8,
}

impl Skim {
    pub(crate) const fn new(shape: &'static Shape) -> Self {
        Self {
            shape,
            kept: Vec::new(),
            text_bytes: 0,
            faults: 0,
            state: State::Value,
            stack: Vec::new(),
            name: Vec::new(),
        }
    }

    /// Bytes of text that the model wrote, as the members that count as text tell.
    pub(crate) const fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// How many documents could not be read.
    pub(crate) const fn faults(&self) -> u64 {
        self.faults
    }

    /// Takes the next bytes and hands on what is kept of each document that ends in them. Documents may
    /// follow each other as they like, also as the elements of an array.
    pub(crate) fn feed(&mut self, bytes: &[u8], ended: &mut dyn FnMut(&str)) {
        let mut rest = self.take_plain(bytes);
        while let Some((byte, after)) = rest.split_first() {
            self.take_byte(*byte, ended);
            rest = self.take_plain(after);
        }
    }

    fn take_byte(&mut self, byte: u8, ended: &mut dyn FnMut(&str)) {
        // The end of a number is seen by what follows it, which then has to be looked at again.
        while !self.take(byte) {}
        if self.stack.is_empty() && !self.kept.is_empty() && self.is_between() {
            self.hand_on(ended);
        }
    }

    /// Says that what has come so far is all of a document; a beginning without its end is forgotten.
    pub(crate) fn cut(&mut self) {
        if !self.stack.is_empty() {
            self.faults = self.faults.saturating_add(1);
        }
        self.kept.clear();
        self.stack.clear();
        self.state = State::Value;
    }

    fn is_between(&self) -> bool {
        matches!(self.state, State::Value)
    }

    fn hand_on(&mut self, ended: &mut dyn FnMut(&str)) {
        match str::from_utf8(&self.kept) {
            Ok(document) if self.kept.len() < KEPT_BYTES_MAX => ended(document),
            _ => self.faults = self.faults.saturating_add(1),
        }
        self.kept.clear();
    }

    /// Whether the byte has been dealt with.
    fn take(&mut self, byte: u8) -> bool {
        match &mut self.state {
            State::Opaque(_) => return self.take_opaque(byte),
            State::InName { escaped: true } => self.state = State::InName { escaped: false },
            State::InName { escaped } if byte == b'\\' => *escaped = true,
            State::InName { .. } if byte == b'"' => self.state = State::Colon,
            State::InName { .. } if self.name.len() <= NAME_BYTES_MAX => self.name.push(byte),
            State::InName { .. } => {}
            _ if byte.is_ascii_whitespace() => {}
            State::Value => self.begin_value(byte),
            State::Name if byte == b'"' => {
                self.name.clear();
                self.state = State::InName { escaped: false };
            }
            State::Name | State::After if matches!(byte, b'}' | b']') => self.leave(byte),
            State::Colon if byte == b':' => self.state = State::Value,
            State::After if byte == b',' => self.state = self.next_in_container(),
            // No JSON. Whoever parses what was copied will say so.
            State::Name | State::Colon | State::After => {}
        }
        true
    }

    fn next_in_container(&self) -> State {
        match self.stack.last() {
            Some(container) if container.is_object => State::Name,
            _ => State::Value,
        }
    }

    fn begin_value(&mut self, byte: u8) {
        let is_container = matches!(byte, b'{' | b'[');
        let Some(outer) = self.stack.last().copied() else {
            // Between documents, where an array of them is one after the other.
            match byte {
                b'{' => self.enter(byte),
                b'[' | b']' | b',' => {}
                _ => self.begin_opaque(byte, false, false),
            }
            return;
        };
        if byte == b']' && !outer.is_object {
            return self.leave(byte);
        }
        let shape = self.shape;
        let is_in = |names: &[&str]| {
            let mut names = names.iter();
            outer.is_object && names.any(|name| name.as_bytes() == self.name)
        };
        let (whole, text) = (is_in(shape.whole), byte == b'"' && is_in(shape.text));
        // Arrays are entered for the objects in them.
        let inside = is_in(shape.inside) || (is_container && !outer.is_object);
        if inside && is_container && !whole && self.stack.len() < DEPTH_MAX {
            return self.enter(byte);
        }
        let copied = whole || (inside && !is_container && !text);
        let counted = text || (is_container && is_in(shape.written));
        self.begin_opaque(byte, copied, counted);
    }

    fn enter(&mut self, byte: u8) {
        self.write_name();
        self.write(byte);
        let is_object = byte == b'{';
        self.stack.push(Container {
            is_object,
            has_members: false,
        });
        self.state = self.next_in_container();
    }

    fn leave(&mut self, byte: u8) {
        self.write(byte);
        self.stack.pop();
        self.end_value();
    }

    fn end_value(&mut self) {
        self.state = if self.stack.is_empty() {
            State::Value
        } else {
            State::After
        };
    }

    fn begin_opaque(&mut self, byte: u8, copied: bool, counted: bool) {
        if copied {
            self.write_name();
            self.write(byte);
        }
        let is_container = matches!(byte, b'{' | b'[');
        self.count(u64::from(counted && is_container));
        self.state = State::Opaque(Opaque {
            copied,
            counted,
            depth: usize::from(is_container),
            in_string: byte == b'"',
            escaped: false,
            uncounted: 0,
        });
    }

    /// Takes what is plain in the beginning of the bytes, which is most of long values, in one piece; what comes after
    /// it.
    fn take_plain<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let State::Opaque(opaque) = &self.state else {
            return bytes;
        };
        let Some((plain, rest)) = bytes.split_at_checked(opaque.plain(bytes)) else {
            return bytes;
        };
        let (copied, counted) = (opaque.copied, opaque.counted);
        if copied {
            let room = KEPT_BYTES_MAX.saturating_sub(self.kept.len());
            self.kept.extend(plain.iter().take(room));
        }
        if counted {
            self.count(u64::try_from(plain.len()).unwrap_or(u64::MAX));
        }
        rest
    }

    fn take_opaque(&mut self, byte: u8) -> bool {
        let State::Opaque(opaque) = &mut self.state else {
            return true;
        };
        let ends_number = matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
        if opaque.depth == 0 && !opaque.in_string && ends_number {
            self.end_value();
            return false;
        }
        let counts = u64::from(opaque.counts(byte));
        let is_over = opaque.passes(byte);
        if opaque.copied {
            self.write(byte);
        }
        self.count(counts);
        if is_over {
            self.end_value();
        }
        true
    }

    /// Writes what stands before a value: a comma where there is one before it, and its name.
    fn write_name(&mut self) {
        let Some(container) = self.stack.last_mut() else {
            return;
        };
        let follows = std::mem::replace(&mut container.has_members, true);
        let is_object = container.is_object;
        if follows {
            self.write(b',');
        }
        if is_object {
            self.write(b'"');
            let name = std::mem::take(&mut self.name);
            name.iter().for_each(|byte| self.write(*byte));
            self.name = name;
            self.write(b'"');
            self.write(b':');
        }
    }

    fn count(&mut self, bytes: u64) {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
    }

    fn write(&mut self, byte: u8) {
        if self.kept.len() < KEPT_BYTES_MAX {
            self.kept.push(byte);
        }
    }
}

impl Opaque {
    /// How many of the bytes, from the first one on, begin nothing and end nothing: each stands for itself.
    fn plain(&self, bytes: &[u8]) -> usize {
        let is_special = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
        let special = if self.escaped || self.uncounted > 0 {
            Some(0)
        } else if self.in_string {
            memchr::memchr2(b'"', b'\\', bytes)
        } else if self.depth > 0 {
            bytes.iter().position(is_special)
        } else {
            // A number or a word: what ends it is no part of it.
            Some(0)
        };
        special.unwrap_or(bytes.len())
    }

    /// Whether the byte is one of the text. In a string an escape is one byte, and `\u` with its four
    /// digits three, which is the most that a character of it takes. An object is text as it stands.
    fn counts(&mut self, byte: u8) -> bool {
        if !self.counted || self.depth > 0 {
            return self.counted;
        }
        if self.uncounted > 0 {
            self.uncounted = self.uncounted.saturating_sub(1);
            return false;
        }
        if self.escaped && byte == b'u' {
            self.uncounted = 2;
        }
        let is_syntax = !self.escaped && matches!(byte, b'"' | b'\\');
        !is_syntax
    }

    /// Goes on by one byte; whether the value ends with it.
    fn passes(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => return false,
        }
        self.depth == 0 && !self.in_string && matches!(byte, b'"' | b'}' | b']')
    }
}

#[cfg(test)]
mod tests;
