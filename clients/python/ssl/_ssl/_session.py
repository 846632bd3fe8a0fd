"""Sessions that a client resumes."""

from portcullis import types


class SSLSession:
    """What a client's connection can be resumed by, handed over as `session`."""

    __module__ = "_ssl"

    def __new__(cls, *_, **__):
        raise TypeError("cannot create '_ssl.SSLSession' instances")

    @classmethod
    def _of(cls, context, made, name, id, begun):
        session = object.__new__(cls)
        session._context, session._made, session._name = context, made, name
        # The settings that it was made under, which a later change has dropped.
        session._base = context._made.get(types.Role.CLIENT)
        session._id, session._begun = id, begun
        return session

    @property
    def id(self):
        """A number that tells sessions apart; the component has its own."""
        return self._id

    @property
    def time(self):
        return self._begun

    @property
    def timeout(self):
        """The longest that one lives; a server may have said less."""
        return 86400

    @property
    def ticket_lifetime_hint(self):
        return 0

    @property
    def has_ticket(self):
        return True

    def __eq__(self, other):
        return self._id == other._id if isinstance(other, SSLSession) else NotImplemented

    def __hash__(self):
        return hash(self._id)
