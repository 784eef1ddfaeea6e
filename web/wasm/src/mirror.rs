//! Enums without fields that look the same on both sides.

/// Declares the twin of an enum, with the conversion into it, and back where `both` stands before its name.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident of $theirs:path { $($(#[$variant_doc:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, tsify::Tsify)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl From<$theirs> for $name {
            fn from(theirs: $theirs) -> Self {
                use $theirs as Theirs;
                match theirs { $(Theirs::$variant => Self::$variant,)* }
            }
        }
    };
    (both $(#[$doc:meta])* $name:ident of $theirs:path { $($(#[$variant_doc:meta])* $variant:ident,)* }) => {
        $crate::mirror::mirror! { $(#[$doc])* $name of $theirs { $($(#[$variant_doc])* $variant,)* } }

        impl From<$name> for $theirs {
            fn from(ours: $name) -> Self {
                match ours { $($name::$variant => Self::$variant,)* }
            }
        }
    };
}
pub(crate) use mirror;

/// A list of theirs as a list of ours.
pub(crate) fn list<T, U: From<T>>(theirs: impl IntoIterator<Item = T>) -> Vec<U> {
    theirs.into_iter().map(U::from).collect()
}
