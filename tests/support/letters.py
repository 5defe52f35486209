# ruff: noqa: RUF001  Russian has letters that look like others
"""Made-up mail, wanted and junk, in seven languages, the same for the same seed.

It is made hard on purpose: newsletters use the words of advertising, junk borrows the words of work and hides whole
wanted paragraphs, forges senders that the inbox knows, and misspells what gives it away.
"""

import base64
import random
from dataclasses import dataclass

COMMON = {
    "en": "the a to of and in is for you we it on with this that have will be are please your our as from can if at by",
    "de": "der die das und in zu den mit ist für auf wir sie es ein eine von bitte wird haben kann wenn bei Ihr unser",
    "fr": "le la les de et en un une pour que nous vous est sur avec votre notre dans par il elle sont si peut merci",
    "es": "el la los de y en un una para que con por su es nosotros usted está se como más si puede gracias nuestro",
    "ru": "и в на с что это как для по мы вы он она от если или будет пожалуйста ваш наш можно есть к за до не так",
    "zh": "我们 你们 今天 可以 请 这个 那个 如果 已经 需要 一下 谢谢 时候 他们 没有 现在 因为 所以 还是 一起",
    "ja": "私たち です ます ください これ それ ため こと よろしく お願い ありがとう また 今日 場合 ください について",
}
WANTED = {
    "en": "meeting agenda report draft minutes deadline budget review invoice attached schedule train dinner "
    "birthday "
    "garden school children weekend ticket server deployment branch merge failing build customer feedback contract "
    "signature office keys parking holiday photos grandma recipe book appointment dentist delivery parcel arrived",
    "de": "Besprechung Tagesordnung Bericht Entwurf Protokoll Frist Haushalt Rechnung Anhang Termin Zug Abendessen "
    "Geburtstag Garten Schule Kinder Wochenende Fahrkarte Kunde Vertrag Unterschrift Büro Schlüssel Parkplatz Urlaub "
    "Fotos Oma Rezept Buch Zahnarzt Lieferung Paket angekommen Angebot Baustelle Handwerker Heizung Rückmeldung",
    "fr": "réunion ordre rapport brouillon délai budget facture pièce jointe horaire train dîner anniversaire jardin "
    "école enfants client contrat signature bureau clés parking vacances photos recette livre rendez-vous dentiste "
    "livraison colis arrivé chantier chauffage commentaire équipe lundi mardi semaine prochaine serveur déploiement",
    "es": "reunión agenda informe borrador plazo presupuesto factura adjunto horario tren cena cumpleaños jardín "
    "escuela niños cliente contrato firma oficina llaves aparcamiento vacaciones fotos receta libro cita dentista "
    "entrega paquete llegado obra calefacción comentario equipo lunes martes semana próxima servidor despliegue",
    "ru": "встреча повестка отчёт черновик срок бюджет счёт вложение расписание поезд ужин день рождения сад школа "
    "дети клиент договор подпись офис ключи парковка отпуск фотографии рецепт книга запись врач доставка посылка "
    "пришла ремонт отопление замечания команда понедельник вторник неделя сервер сборка",
    "zh": "会议 议程 报告 草稿 截止日期 预算 发票 附件 时间表 火车 晚饭 生日 花园 "
    "学校 孩子 客户 合同 签字 办公室 钥匙 "
    "停车 假期 照片 菜谱 图书 预约 牙医 快递 包裹 到了 装修 暖气 意见 团队 星期一 下周 服务器 部署",
    "ja": "会議 議題 報告書 下書き 締め切り 予算 請求書 添付 予定表 電車 夕食 誕生日 "
    "庭 学校 子供 顧客 契約 署名 事務所 鍵 "
    "駐車場 休暇 写真 レシピ 本 予約 歯医者 配達 荷物 届きました 工事 暖房 意見 チーム 月曜日 来週 サーバー",
}
JUNK = {
    "en": "viagra pills pharmacy lottery winner million inheritance transfer beneficiary confidential urgent casino "
    "jackpot bitcoin profit guaranteed income loan approved refinance enlargement miracle weightloss replica watches "
    "singles hookup webcam verify suspended account password expire click wallet seed airdrop ranking backlinks",
    "de": "Potenzmittel Pillen Apotheke Lotterie Gewinner Millionen Erbschaft Überweisung Begünstigter vertraulich "
    "dringend Kasino Jackpot Bitcoin Gewinn garantiert Einkommen Kredit bewilligt Wunder abnehmen Repliken Uhren "
    "Singles bestätigen gesperrt Konto Kennwort klicken Geldbörse Suchmaschinenplatz reich passives",
    "fr": "pilules pharmacie loterie gagnant millions héritage virement bénéficiaire confidentiel urgent casino "
    "jackpot bitcoin profit garanti revenus prêt approuvé miracle maigrir répliques montres célibataires vérifier "
    "suspendu compte expirer cliquez portefeuille référencement riche fonds",
    "es": "pastillas farmacia lotería ganador millones herencia transferencia beneficiario confidencial "
    "urgente casino "
    "premio bitcoin ganancia garantizada ingresos préstamo aprobado milagro adelgazar réplicas relojes solteras "
    "verificar suspendida cuenta caducar pulse cartera posicionamiento rico fondos",
    "ru": "таблетки аптека лотерея выигрыш миллион наследство перевод получатель конфиденциально срочно казино "
    "джекпот биткоин прибыль гарантия доход кредит одобрен чудо похудение реплики часы знакомства подтвердите "
    "заблокирован аккаунт пароль нажмите кошелёк раскрутка богатство",
    "zh": "代开发票 药品 彩票 中奖 百万 遗产 转账 受益人 机密 紧急 赌场 大奖 比特币 "
    "利润 保证 收入 贷款 批准 减肥 高仿 手表 "
    "交友 验证 冻结 账户 密码 点击 钱包 排名 致富",
    "ja": "錠剤 薬局 宝くじ 当選 百万円 遺産 送金 受取人 極秘 至急 カジノ 大当たり "
    "ビットコイン 利益 保証 収入 融資 承認 "
    "痩せる 偽物 時計 出会い 確認 停止 口座 暗証番号 クリック 財布 検索順位 副業",
}
SELLING = {
    "en": "offer sale discount free shipping save today only limited new collection order shop deal subscribe percent",
    "de": "Angebot Aktion Rabatt kostenlos Versand sparen heute nur begrenzt neu Kollektion bestellen Laden Prozent",
    "fr": "offre soldes remise gratuit livraison économisez aujourd'hui limitée nouvelle collection commandez pourcent",
    "es": "oferta rebajas descuento gratis envío ahorre hoy limitada nueva colección pedido tienda porcentaje",
    "ru": "предложение распродажа скидка бесплатно доставка сегодня только новая коллекция заказ магазин процент",
    "zh": "优惠 促销 折扣 免费 包邮 省钱 今天 限时 新品 系列 订购 商店",
    "ja": "特典 セール 割引 無料 送料 お得 本日 限定 新作 コレクション 注文 お店",
}
DENSE = frozenset({"zh", "ja"})
LANGUAGES = tuple(COMMON)
SWAPS = str.maketrans({"a": "@", "i": "1", "o": "0", "e": "3"})


@dataclass(frozen=True, slots=True)
class Letter:
    raw: bytes
    is_junk: bool
    language: str


class Writer:
    """Writes letters for one inbox whose people and newsletters come again and again."""

    def __init__(self, seed: int, languages=LANGUAGES) -> None:
        self._dice = random.Random(seed)
        self._languages = languages
        self._known = [f"{self._name()}@{self._name()}.test" for _ in range(25)]
        self._papers = [f"news@{self._name()}-shop.test" for _ in range(12)]
        self._serial = 0

    def letters(self, count: int) -> list[Letter]:
        """As many of each kind, in no order."""
        made = []
        for number in range(count):
            language = self._languages[number % len(self._languages)]
            made += [self._wanted(language), self._junk(language)]
        self._dice.shuffle(made)
        return made

    def _name(self) -> str:
        return "".join(self._dice.choice("bcdfghklmnprstvz") + self._dice.choice("aeiou") for _ in range(4))

    def _text(self, language, sources, sentences) -> str:
        lines = []
        for _ in range(sentences):
            words = [
                self._dice.choice(COMMON[language].split())
                if self._dice.random() < 0.55
                else self._dice.choice(self._dice.choice(sources)[language].split())
                for _ in range(self._dice.randint(6, 14))
            ]
            lines.append(("" if language in DENSE else " ").join(words) + ("。" if language in DENSE else "."))
        return "\n".join(lines)

    def _wanted(self, language) -> Letter:
        is_paper = self._dice.random() < 0.35
        sources = [SELLING, SELLING, WANTED] if is_paper else [WANTED] * 15 + [SELLING, JUNK]
        sender = self._dice.choice(self._papers if is_paper else self._known)
        if self._dice.random() < 0.2:
            sender = f"{self._name()}@{self._name()}.test"
        text = self._text(language, sources, self._dice.randint(2, 7))
        more = {"List-Unsubscribe": f"<https://{sender.partition('@')[2]}/leave>"} if is_paper else {}
        html = self._html(text, sender.partition("@")[2]) if is_paper or self._dice.random() < 0.3 else None
        return self._letter(language, sender, self._text(language, sources, 1)[:60], text, html, more, is_junk=False)

    def _junk(self, language) -> Letter:
        sources = [JUNK] * 4 + [SELLING] * 2 + [WANTED]
        sender = f"{self._name()}@{self._name()}{self._dice.choice(['', '-mail', '24'])}.test"
        if self._dice.random() < 0.2:
            sender = self._dice.choice(self._known)
        text = self._text(language, sources, self._dice.randint(1, 6))
        if self._dice.random() < 0.25:
            text = " ".join(word.translate(SWAPS) if self._dice.random() < 0.4 else word for word in text.split(" "))
        hidden = self._text(language, [WANTED], 6) if self._dice.random() < 0.25 else ""
        host = f"{self._name()}.test"
        html = self._html(text, host, hidden) if self._dice.random() < 0.6 else None
        if html is None:
            text += f"\n{hidden}\nhttp://{host}/{self._name()}"
        more = {"Reply-To": f"{self._name()}@gmail.com"} if self._dice.random() < 0.15 else {}
        subject = self._text(language, sources, 1)[:60]
        if self._dice.random() < 0.15:
            subject = subject.upper()
        return self._letter(language, sender, subject, text, html, more, is_junk=True)

    def _html(self, text, host, hidden="") -> str:
        unseen = f"<div style='display:none'>{hidden}</div>" if hidden else ""
        return f"<html><body><p>{text}</p>{unseen}<a href='https://{host}/{self._name()}'>&gt;&gt;</a></body></html>"

    def _letter(self, language, sender, subject, text, html, more, *, is_junk) -> Letter:
        self._serial += 1
        word = base64.b64encode(subject.split("\n")[0].encode()).decode()
        head = {
            "From": sender,
            "To": "agent@local.test",
            "Subject": f"=?utf-8?b?{word}?=",
            "Date": f"Sat, 21 Nov 2026 10:{self._serial % 60:02}:00 +0000",
            "Message-ID": f"<{self._serial}.{self._name()}@{sender.partition('@')[2]}>",
            "MIME-Version": "1.0",
            "Content-Type": f"text/{'html' if html else 'plain'}; charset=utf-8",
            "Content-Transfer-Encoding": "8bit",
            **more,
        }
        lines = [f"{name}: {value}" for name, value in head.items()]
        return Letter("\r\n".join([*lines, "", html or text]).encode(), is_junk, language)
