"""Contract: cards, which are said once and read by whoever comes later."""

from __future__ import annotations

from nbxfer.manifest.base import Card
from nbxfer.testing.manifest_world import ManifestWorld, a_record


class Cards(ManifestWorld):
    """Writing them, reading them, taking them out of somebody's hands."""

    def test_a_card_is_read_by_everybody(self) -> None:
        """What was written is there for every process of the home, and the newest holds."""
        writer, reader = self.writer(a_record()), self.process()
        assert reader.card("groups", "a") is None
        assert reader.cards("groups") == []
        writer.put_card(Card("groups", "a", "one"))
        writer.put_card(Card("groups", "a", "two"))
        writer.put_card(Card("groups", "ä/..\n", "three"))
        writer.put_card(Card("completions", "a", "four"))
        assert reader.card("groups", "a") == Card("groups", "a", "two")
        assert sorted(card.text for card in reader.cards("groups")) == ["three", "two"]
        assert reader.drop_card(Card("groups", "a", ""))
        assert not reader.drop_card(Card("groups", "a", ""))
        assert writer.card("groups", "a") is None

    def test_a_card_in_somebodys_hands_is_taken_once(self) -> None:
        """Of two who want a dead one's card, one gets it; nobody else finds it where it was."""
        dead, one, other = self.writer(a_record()), self.process(), self.process()
        one.begin()
        other.begin()
        mine = Card("completions", "c", "what is to be done", dead.me.id)
        dead.put_card(mine)
        assert one.card("completions", "c") is None
        assert one.cards("completions") == [mine]
        taken = one.take_card(mine)
        assert taken == Card("completions", "c", "what is to be done", one.me.id)
        assert other.take_card(mine) is None
        assert other.cards("completions") == [taken]
