//! What happens, as it is written: a letter and a digit each, such as `e1 e1 i1 e1 t h0 r0`.

use super::records::Kind;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// A record comes: of this kind, of this aggregate or in this form.
    Comes(Kind, usize),
    /// The record that came so many before the last one comes again.
    ComesAgain(usize),
    /// Every record that was taken comes again.
    AllComeAgain,
    /// What has come is given to the consumers.
    Taken,
    /// A reaction takes everything again.
    Heals(usize),
    /// An operator replays a dead letter.
    Replayed(usize),
    /// An operator gives a dead letter up.
    Discarded(usize),
}

/// Reads a history. What is no letter of it is passed over; a number is 0 if it is missing.
pub fn read(bytes: &[u8]) -> impl Iterator<Item = Happening> {
    bytes.iter().enumerate().filter_map(|(place, letter)| {
        let digit = bytes.get(place + 1).filter(|next| next.is_ascii_digit());
        let n = digit.map_or(0, |digit| usize::from(digit - b'0'));
        Some(match letter {
            b'e' => Happening::Comes(Kind::Plain, n),
            b'i' => Happening::Comes(Kind::Poison(0), n),
            b'j' => Happening::Comes(Kind::Poison(1), n),
            b'o' => Happening::Comes(Kind::Odd, n),
            b'p' => Happening::Comes(Kind::PassedOver, n),
            b's' => Happening::Comes(Kind::Strange, n),
            b'w' => Happening::Comes(Kind::Wrong, n),
            b'y' => Happening::Comes(Kind::Impostor, n),
            b'b' => Happening::Comes(Kind::Broken, n),
            b'c' => Happening::ComesAgain(n),
            b'a' => Happening::AllComeAgain,
            b't' => Happening::Taken,
            b'h' => Happening::Heals(n % 2),
            b'r' => Happening::Replayed(n),
            b'd' => Happening::Discarded(n),
            _ => return None,
        })
    })
}
