//! Lists of codes that need no more than a stable text each.

/// An enum of codes, all of them, and the text of each.
macro_rules! code_list {
    ($(#[$attribute:meta])+ $list:ident { $($(#[doc = $doc:literal])+ $name:ident => $text:literal;)+ }) => {
        $(#[$attribute])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $list { $($(#[doc = $doc])+ $name,)+ }

        impl $list {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

pub(crate) use code_list;
