// SPDX-License-Identifier: Apache-2.0
//! What can go wrong between a request and a result.

/// The result of the engine's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Front doors turn it into a sentence, an exit code and a hint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No image by that name or id.
    #[error("there is no image `{name}` here")]
    NoSuchImage {
        /// As it was asked for.
        name: String,
    },
    /// No container by that name or id.
    #[error("there is no container `{name}` here")]
    NoSuchContainer {
        /// As it was asked for.
        name: String,
    },
    /// No volume by that name.
    #[error("there is no volume `{name}` here: no such volume")]
    NoSuchVolume {
        /// As it was asked for.
        name: String,
    },
    /// Containers have the volume.
    #[error("volume is in use - [{users}]")]
    VolumeInUse {
        /// Its name.
        name: String,
        /// Ids of the containers.
        users: String,
    },
    /// A `--filter` that there is not.
    #[error("{reason}")]
    Filter {
        /// In Docker's words.
        reason: String,
    },
    /// The name belongs to another container.
    #[error("the name `{name}` is in use by container {id}")]
    NameInUse {
        /// The name.
        name: String,
        /// The first digits of the other container's id.
        id: String,
    },
    /// A request that cannot be carried out as it stands.
    #[error("{what}: {reason}")]
    Invalid {
        /// The flag or thing.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A container that is in the wrong state for a verb.
    #[error("container {name} is {state}")]
    WrongState {
        /// Name.
        name: String,
        /// In words.
        state: &'static str,
    },
    /// A container whose program did not start, as its monitor told it.
    #[error("{why}")]
    NotStarted {
        /// In a sentence.
        why: String,
        /// Docker's exit code for it.
        code: u8,
        /// What helps.
        hint: Option<String>,
    },
    /// This host or user lacks what a default wall needs.
    #[error("this host lacks {what}: {reason}")]
    HostLacks {
        /// The means.
        what: String,
        /// What was looked for.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A system call.
    #[error("could not {step}")]
    Step {
        /// In words, completing "could not ...".
        step: String,
        /// The call.
        #[source]
        source: kernel::Error,
    },
    /// The image store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A container's log.
    #[error(transparent)]
    Log(#[from] logs::Error),
    /// The runtime.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// A registry that cannot take a tag away and leave the manifest.
    #[error("the registry of {name} does not remove tags (it answers {status})")]
    NoTagsRemoved {
        /// The tag.
        name: String,
        /// The HTTP status.
        status: u16,
    },
    /// A registry, or the way to it.
    #[error(transparent)]
    Registry(#[from] ::registry::Error),
}

impl Error {
    /// Docker's exit code for `run`: 126 and 127 when the program is the problem, else 125.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Runtime(error) => error.exit_code(),
            Self::NotStarted { code, .. } => *code,
            _ => 125,
        }
    }

    /// What to do about it, when we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchImage { .. } => Some(
                "`bulkhead images` lists what is here; `bulkhead pull`, `load` and `import` bring more"
                    .into(),
            ),
            Self::NoSuchContainer { .. } => Some("`bulkhead ps -a` lists the containers".into()),
            Self::NoSuchVolume { .. } => Some("`bulkhead volume ls` lists the volumes".into()),
            Self::VolumeInUse { name, .. } => {
                Some(format!("`bulkhead ps -a --filter volume={name}` lists the containers"))
            }
            Self::NameInUse { name, .. } => {
                Some(format!("`bulkhead rm {name}` removes the other one, or choose another --name"))
            }
            Self::HostLacks { remedy, .. } => Some(remedy.clone()),
            Self::NotStarted { hint, .. } => hint.clone(),
            Self::NoTagsRemoved { name, .. } => Some(format!(
                "`bulkhead manifest inspect --verbose {name}` tells its digest; deleting that removes all its tags"
            )),
            Self::Runtime(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            _ => None,
        }
    }
}

/// An error with all that caused it, in one line.
pub(crate) fn in_full(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Names the step that a failed call belongs to.
pub(crate) trait Context<T> {
    /// `step` completes the sentence "could not ...".
    fn told(self, step: &str) -> Result<T>;
}

impl<T> Context<T> for std::result::Result<T, kernel::Errno> {
    fn told(self, step: &str) -> Result<T> {
        self.map_err(|errno| Error::Step {
            step: step.to_owned(),
            source: kernel::Error::new("system call", errno),
        })
    }
}

impl<T> Context<T> for kernel::Result<T> {
    fn told(self, step: &str) -> Result<T> {
        self.map_err(|source| Error::Step { step: step.to_owned(), source })
    }
}

impl<T> Context<T> for std::io::Result<T> {
    fn told(self, step: &str) -> Result<T> {
        self.map_err(|error| {
            let errno = kernel::Errno::from_io_error(&error).unwrap_or(kernel::Errno::IO);
            Error::Step { step: step.to_owned(), source: kernel::Error::new("system call", errno) }
        })
    }
}

impl From<oci::Error> for Error {
    fn from(error: oci::Error) -> Self {
        Self::Store(error.into())
    }
}

impl<T> Context<T> for std::result::Result<T, runtime::view::Error> {
    fn told(self, _: &str) -> Result<T> {
        self.map_err(|error| Error::Runtime(error.into()))
    }
}
