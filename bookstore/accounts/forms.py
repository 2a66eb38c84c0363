"""The forms of accounts."""

from typing import Any

from wtforms import BooleanField, EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Email, InputRequired, Length, ValidationError

from bookstore.accounts import domain, passwords
from bookstore.web.forms import ShopForm, plain_text, tidy
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import lazy_gettext

_PASSWORD_LENGTH = Length(domain.MIN_PASSWORD, domain.MAX_PASSWORD)


def _name_field() -> StringField:
    return StringField(
        lazy_gettext("Name"),
        [DataRequired(), Length(max=80), plain_text],
        filters=[tidy],
        render_kw={"autocomplete": "name"},
    )


def _not_common(form: ShopForm, field: Any) -> None:
    email = form["email"].data if "email" in form else ""
    name = form["name"].data if "name" in form else ""
    if domain.is_common(
        field.data, passwords.common_passwords(), email=email or "", name=name or ""
    ):
        raise ValidationError(
            _("This password is easy to guess. Take a longer one, such as a few unrelated words.")
        )


class RegisterForm(ShopForm):
    """What a new account needs."""

    name = _name_field()
    email = EmailField(
        lazy_gettext("E-mail"),
        [InputRequired(), Length(max=254), Email()],
        render_kw={"autocomplete": "email"},
    )
    password = PasswordField(
        lazy_gettext("Password"),
        [InputRequired(), _PASSWORD_LENGTH, _not_common],
        render_kw={"autocomplete": "new-password"},
    )
    next = HiddenField()


class LoginForm(ShopForm):
    """An address and a password, and where to go on afterwards."""

    email = EmailField(
        lazy_gettext("E-mail"), [InputRequired()], render_kw={"autocomplete": "username"}
    )
    password = PasswordField(
        lazy_gettext("Password"),
        [InputRequired(), Length(max=domain.MAX_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class NameForm(ShopForm):
    """The name that others see."""

    name = _name_field()


class PasswordForm(ShopForm):
    """The password as it is and as it shall be."""

    current = PasswordField(
        lazy_gettext("Current password"),
        [InputRequired(), Length(max=domain.MAX_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )
    password = PasswordField(
        lazy_gettext("New password"),
        [InputRequired(), _PASSWORD_LENGTH, _not_common],
        render_kw={"autocomplete": "new-password"},
    )
    end_others = BooleanField(lazy_gettext("Sign out everywhere else"), default=True)


class ForgotForm(ShopForm):
    """The address to which a link for a new password goes."""

    email = EmailField(
        lazy_gettext("E-mail"),
        [InputRequired(), Length(max=254), Email()],
        render_kw={"autocomplete": "username"},
    )


class NewPasswordForm(ShopForm):
    """The password that follows a forgotten one."""

    password = PasswordField(
        lazy_gettext("New password"),
        [InputRequired(), _PASSWORD_LENGTH, _not_common],
        render_kw={"autocomplete": "new-password"},
    )


class EmailForm(ShopForm):
    """The next address, confirmed with the current password."""

    email = EmailField(
        lazy_gettext("New e-mail address"),
        [InputRequired(), Length(max=254), Email()],
        render_kw={"autocomplete": "email"},
    )
    current = PasswordField(
        lazy_gettext("Current password"),
        [InputRequired(), Length(max=domain.MAX_PASSWORD)],
        id="email_current",
        render_kw={"autocomplete": "current-password"},
    )


class MailsForm(ShopForm):
    """Which mails a person wants besides those that are always sent."""

    progress = BooleanField(lazy_gettext("When a parcel leaves and arrives"))
    sales = BooleanField(lazy_gettext("When a parcel of mine has arrived"))
    imports = BooleanField(lazy_gettext("When a file of my books is worked off"))


class DeleteForm(ShopForm):
    """The current password, before something that cannot be undone."""

    current = PasswordField(
        lazy_gettext("Current password"),
        [InputRequired(), Length(max=domain.MAX_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


class CodeForm(ShopForm):
    """A code of the second step, of an app or a recovery code."""

    code = StringField(
        lazy_gettext("Code"),
        [InputRequired(), Length(max=40)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "text", "spellcheck": "false"},
    )
