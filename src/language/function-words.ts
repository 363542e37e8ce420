/**
 * Words that hold a sentence together and say nothing of its subject, question words included. They tell languages apart and are left
 * out of searches. Written by hand from grammar books' closed classes; ISO 639-1 code → words.
 */
const lists = {
  en: 'a about after all also am an and any are as at be because been before being both but by can could did do does doing during each every for from had has have having he her here him his how i if in into is it its itself just many may me might more most much must my no nor not of off on only or other our out over own same shall she should so some such than that the their them then there these they this those through to too under until up upon us very was we were what when where whether which while who whom whose why will with would you your',
  de: 'aber alle allem allen aller alles als also am an auch auf aus bei beim bin bis da dabei damit dann das dass dein dem den denn der des dessen die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es euch für gegen hat hatte hatten haben heißt heißen hieß ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jede jedem jeden jeder jedes kann kein keine keinen können man mehr mein mit muss müssen nach nicht nichts noch nun nur ob oder ohne sein seine seinem seinen seiner seit sich sie sind so soll sollen über um und uns unser unter viel viele vielen vom von vor wann war waren warum was weil welche welchem welchen welcher welches wem wen wenn wer werden weshalb wessen wie wieso wofür wieviel wieviele wir wird wo wofür woher wohin womit worin wurde wurden zu zum zur zwischen',
  fr: 'à afin ai ainsi après au aucun aussi autre aux avait avant avec avoir c ce cela celle celui ces cet cette chaque chez combien comme comment d dans de depuis des donc dont du elle elles en entre est et étaient était été être eu fait fut furent il ils j je jusqu l la le les leur leurs lequel laquelle lors lorsque lui m ma mais même mes moins mon n ne ni nos notre nous on ont ou où par parce pas pendant peut plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se selon sera ses si son sont sous sur t ta tes ton tous tout toute toutes très tu un une vers vos votre vous y',
  es: 'a al algo algunas algunos ante antes aquel aunque bajo cada como cómo con contra cual cuál cuales cuáles cuando cuándo cuanta cuánta cuántas cuanto cuánto cuántos de del desde donde dónde durante e el él ella ellas ellos en entre era eran eres es esa esas ese eso esos esta está estaba están estas este esto estos fue fueron ha había han hasta hay la las le les lo los más me mi mientras muy nada ni no nos nosotros o otra otras otro otros para pero por porque qué que quien quién quiénes se sea según ser será si sin sobre son su sus también tan tanto te tiene tienen todo todos tu un una unas uno unos y ya yo',
  it: 'a ad agli ai al alla alle allo anche che chi ci come con contro cosa cui da dagli dai dal dalla dalle dallo degli dei del della delle dello di dopo dove due durante e è ed era erano essere fra fu furono già gli ha hanno ho i il in io la le lei lo loro lui ma mentre mi mia mio molto ne negli nei nel nella nelle nello noi non nostro o ogni oltre ora per perché più poi prima qual quale quali quando quanta quante quanti quanto quella quelle quelli quello questa queste questi questo qui se sei senza si sia sono sta stata stati stato su sua sue sugli sui sul sulla sulle suo suoi tra tu tutti tutto un una uno vi',
  pt: 'a à ao aos as às até através cada com como da das de dela dele depois do dos durante e é ela elas ele eles em entre era eram essa essas esse esses esta está estão estas este estes eu foi foram há isso isto já lhe mais mas me mesmo meu minha muito na não nas nem no nos nós num numa o onde os ou para pela pelas pelo pelos por porque qual quais quando quanta quantas quanto quantos que quê quem são se seja sem ser será seu seus só sob sobre sua suas também te tem têm tinha toda todas todo todos um uma umas uns você',
  nl: 'aan al alle als altijd andere bij daar dan dat de deze die dit doen door dus een en er geen had hadden hebben heeft hem het hier hij hoe hoeveel hun iets ik in is je kan kon kunnen maar meer men met mij mijn moet moeten na naar niet niets nog nu of om omdat onder ons ook op over te tegen toch toen tot tussen uit van veel voor waar waarom wanneer want waren was wat we welk welke werd werden wie wij worden wordt zal ze zelf zich zij zijn zo zonder zou',
  sv: 'alla allt än är att av bara blev bli blir de dem den denna deras dess det detta dig din dock du där efter eller en ett från för genom ha hade han hans har henne hon hos hur hur i icke in inte jag kan kunde man med mellan men mot mycket måste ni nog nu när och om oss på sedan sig sin sina ska skulle som så till under upp ut utan vad var varför varje vem vems vi vid vilka vilken vilket',
  da: 'af alle alt at blev blive bliver da de dem den denne der deres det dette dig din dog du efter eller en end er et for fra før gennem ham han hans har havde hun hvad hvem hvilke hvilken hvilket hvis hvor hvordan hvorfor hvornår i ikke ind jeg jo kan kunne man med mellem men mod må ned noget nogle nu når og også om op os over på sig sin skal skulle som så til ud under var ved vi vil ville være',
  nb: 'alle at av bare ble bli blir da de dem den denne der deres det dette din du eller en enn er et etter for fra før gjennom ha hadde han hans har hun hva hvem hvilke hvilken hvilket hvis hvor hvordan hvorfor i ikke jeg kan kunne man med mellom men mot må når og også om opp oss over på seg sin skal skulle som så til under ut var ved vi vil ville være',
  fi: 'ei eivät että he hän ja joka jos jossa jotka kanssa kuin kuinka kuka missä mikä milloin minä miten mitkä mitä miksi mukaan mutta myös ne niin nyt ole oli olivat olla on ovat se sekä sen siitä sitä tai tämä tämän tässä vai vain voi',
  pl: 'a ale bez bo był była było były być czy dla do gdy gdzie go i ich ile im ja jak jaka jaki jakie jako je jego jej jest już kiedy kto która które którego której który których ma może można na nad nie o od on ona one oraz po pod przed przez przy się są ta tak także tej ten to tych tylko tym u w we z za że',
  cs: 'a aby ale ani až bez by byl byla byli bylo být co či do i já jak jaká jaké jaký jako je jeho její jejich jen jsem jsou k kde kdo kdy kolik která které který ma má mezi na nad ne nebo než o od on ona po pod podle pro proč před při s se si své ta tak také té ten to tu u v ve z za ze že',
  ro: 'a acest această acestei al ale am ar are au ca care când câte câți ce cine cu cum cât da dacă de decât deci din după ea ei el ele era erau este eu fi fie fost în între îl la lor lui mai nu o pe pentru prin sa sau să se sunt sub și un unde unei unui',
  hu: 'a az azt be csak de e egy el ez ezt és fel ha hány hogy hogyan hol is ki kik le lehet meg mely melyik mennyi mi mikor milyen mint mit mivel nagy nem pedig s számára szerint után úgy van vagy volt voltak',
  tr: 'acaba ama ancak bir biri bu çok da daha de değil diye en gibi hangi hangisi hem her için ile ise kaç kadar kim kimin mı mi mu mü nasıl ne neden nedir nerede niçin o olan olarak oldu olduğu sonra şu tarafından ve veya ya ki zaman',
  id: 'ada adalah agar akan antara apa apakah atau bagaimana bahwa berapa bisa dalam dan dapat dari dengan di dia ia ini itu jika juga kami kapan karena ke kepada mana mengapa mereka oleh pada para saat saja sangat sebagai secara sebuah siapa suatu sudah tahun telah tersebut tidak untuk yang',
  ru: 'а без более бы был была были было быть в вам вас весь во вот все всего вы где да для до его ее её если есть еще же за и из или им их к как какая какие какой каком ко когда которая которого которые который кто куда ли между мне можно на над не нет ни но о об он она они от перед по под почему при с сколько со так также такой там то только том ты у уже чего чем что чтобы эта эти это этого этот я',
  uk: 'а або але без був була були було бути в вам вас ви він від вона вони все де для до є же з за зі і із її й його як яка яке який яких якщо їх коли ким ко лише між на над не ні о об під по при про скільки та так також те ти то у хто це цей ця чи чому що щоб я',
} as const;

export type FunctionWordLanguage = keyof typeof lists;

export const functionWordLanguages = Object.keys(lists) as readonly FunctionWordLanguage[];

/** The words of a language, lower case; undefined where there is no list. */
export function functionWords(language: string): readonly string[] | undefined {
  return Object.hasOwn(lists, language) ? lists[language as FunctionWordLanguage].split(' ') : undefined;
}

/**
 * Words of the other lists that English has as well: nouns, verbs, abbreviations and parts of names, written small in many a search. By themselves
 * they tell no language.
 */
export const englishHomographs: ReadonlySet<string> = new Set(
  (
    'ad ada af agar ai al ale allen allo alt ama ante ao ar att au aux az azt bare bin bir bis bo ca care ces chez chi ci co ' +
    'com come comment con contra costa cu cum dai dal dare dat dei den dia die dies dig dock dog dont door dos dove due ea ed ' +
    'ein elle em end entre era esa ese est et fait fi fica fin fost fu gab gli go ham hat hay hem hen het ho hoe hon hos hur ia ' +
    'ils ind ins io ja jag jest jos ke kim kin kind las lat lei lor los mag mai man meg men mes met mi mia mint mit mod mon mu ' +
    'nas ned nei noi non nous nu num numa nun nur ob ole one op ora os pa par pas pe pendant per plus po pod poi pour premier ' +
    'prima primo prin pro rok sans se sea sei seine sem sen ser sera ses sia sin ska sob son sous sta stata sub sue sui sur sus ' +
    'tai tan te tem ten tes till ton tot tout tra tre uma upp ut vain van var vers vi via vid volt von vos wade want war wat ' +
    'weil yang za zo'
  ).split(' '),
);

/** Other frequent words that tell a language. Unlike function words they are searched for and compared. */
export const tellingWords: Partial<Readonly<Record<FunctionWordLanguage, string>>> = {
  de: 'bereits darf dürfen einige einigen etwa gab gibt heute konnte konnten laut liegt machen macht manche musste oft sollte sowie statt wodurch wogegen wollte wollten wonach woran worauf worüber worum wovon wozu',
  fr: 'année années avez coûte doit doivent étaient faut fonctionne peuvent premier première suis sommes trois vouliez voulez',
  es: 'año años cuántas cuesta debe deben día dos funciona hace primera pueden puede siglo sólo tenía',
  it: 'anni anno costa deve devono essere funziona giorno possono primo può quanti secondo tre viene vengono',
  pt: 'ano anos deve devem fica foram funciona pode podem primeira primeiro quantos século três',
  nl: 'bedroeg eerste jaar kost ligt mag mogen staat werkt welke',
  pl: 'dwa ile jaką kosztuje lat lata mogą musi pierwsza pierwszy rok roku trzy wolno',
};
