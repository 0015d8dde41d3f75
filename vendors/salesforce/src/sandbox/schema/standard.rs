//! The standard objects in scope as a table (research notes §3.2), one field a line:
//! `Name type flags… key=value… = options`.
//!
//! Types: `text80 area255 long32000 email phone url pick multi bool int dec2 money percent date time ref:A,B`.
//! Flags: `!` never null, `r` read-only, `c` create only, `d` defaulted on create, `n` the name field, `i` indexed,
//! `u` unique, `cascade` (deleted with its parent). `@address P` stands for P's address components and compound.

/// What stands for one object.
pub(crate) struct Standard {
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) prefix: &'static str,
    /// `c` createable, `u` updateable, `d` deletable, `v` offers "recently viewed" dates.
    pub(crate) can: &'static str,
    pub(crate) fields: &'static str,
}

pub(crate) const OBJECTS: &[Standard] = &[
    Standard { name: "Organization", plural: "Organizations", prefix: "00D", can: "", fields: ORGANIZATION },
    Standard { name: "User", plural: "Users", prefix: "005", can: "cu", fields: USER },
    Standard { name: "Group", plural: "Groups", prefix: "00G", can: "cud", fields: GROUP },
    Standard { name: "RecordType", plural: "Record Types", prefix: "012", can: "cu", fields: RECORD_TYPE },
    Standard {
        name: "LeadStatus",
        plural: "Lead Status Values",
        prefix: "01J",
        can: "",
        fields: LEAD_STATUS,
    },
    Standard {
        name: "OpportunityStage",
        plural: "Opportunity Stages",
        prefix: "01K",
        can: "",
        fields: STAGE,
    },
    Standard { name: "Account", plural: "Accounts", prefix: "001", can: "cudv", fields: ACCOUNT },
    Standard { name: "Contact", plural: "Contacts", prefix: "003", can: "cudv", fields: CONTACT },
    Standard { name: "Lead", plural: "Leads", prefix: "00Q", can: "cudv", fields: LEAD },
    Standard {
        name: "Opportunity",
        plural: "Opportunities",
        prefix: "006",
        can: "cudv",
        fields: OPPORTUNITY,
    },
    Standard {
        name: "OpportunityContactRole",
        plural: "Opportunity Contact Roles",
        prefix: "00K",
        can: "cud",
        fields: ROLE,
    },
    Standard { name: "Product2", plural: "Products", prefix: "01t", can: "cudv", fields: PRODUCT },
    Standard { name: "Pricebook2", plural: "Price Books", prefix: "01s", can: "cudv", fields: PRICEBOOK },
    Standard {
        name: "PricebookEntry",
        plural: "Price Book Entries",
        prefix: "01u",
        can: "cud",
        fields: ENTRY,
    },
];

const ORGANIZATION: &str = "
Name text80 ! n
Division text80
@address
Phone phone
PrimaryContact text80
DefaultLocaleSidKey pick ! = en_US
TimeZoneSidKey pick ! = Etc/UTC
LanguageLocaleKey pick ! = en_US
FiscalYearStartMonth int r
OrganizationType pick r
InstanceName text5 r
IsSandbox bool ! r
IsReadOnly bool ! r
NamespacePrefix text15 r
";

const USER: &str = "
Username text80 ! i u
LastName text80 !
FirstName text40
Name text121 ! r n i
CompanyName text80
Division text80
Department text80
Title text80
@address
Email email ! i
Phone phone
Fax phone
MobilePhone phone
Alias text8 ! d
CommunityNickname text40 ! d
IsActive bool ! d
TimeZoneSidKey pick ! d = Etc/UTC|Europe/London|Europe/Berlin|America/New_York|America/Los_Angeles
LocaleSidKey pick ! d = en_US|en_GB|de_DE
EmailEncodingKey pick ! d = UTF-8|ISO-8859-1
LanguageLocaleKey pick ! d = en_US|de|fr
UserType pick r = Standard
EmployeeNumber text20
ManagerId ref:User rel=Manager child=ManagedUsers
FederationIdentifier text512
AboutMe long1000
";

const GROUP: &str = "
Name text40 ! n i
DeveloperName text80 d
Type pick ! c = Regular|Queue|Role
Email email
DoesIncludeBosses bool ! d
DoesSendEmailToMembers bool ! d
";

const RECORD_TYPE: &str = "
Name text80 ! n i
DeveloperName text80 !
Description text255
SobjectType pick ! c = Account|Contact|Lead|Opportunity
IsActive bool ! d
NamespacePrefix text15 r
";

const LEAD_STATUS: &str = "
MasterLabel text255 ! n
ApiName text255 !
SortOrder int
IsDefault bool !
IsConverted bool !
";

const STAGE: &str = "
MasterLabel text255 ! n
ApiName text255 !
IsActive bool !
SortOrder int
IsClosed bool !
IsWon bool !
ForecastCategory pick ! r = Omitted|Pipeline|BestCase|MostLikely|Forecast|Closed
ForecastCategoryName pick ! = Omitted|Pipeline|Best Case|Most Likely|Commit|Closed
DefaultProbability percent
Description text255
";

const ACCOUNT: &str = "
MasterRecordId ref:Account r rel=MasterRecord
Name text255 ! n i
Type pick = Prospect|Customer - Direct|Customer - Channel|Channel Partner / Reseller|Installation Partner|Technology Partner|Other
RecordTypeId ref:RecordType rel=RecordType
ParentId ref:Account rel=Parent child=ChildAccounts
@address Billing
@address Shipping
Phone phone
Fax phone
AccountNumber text40
Website url
PhotoUrl url r
Sic text20
Industry pick = Agriculture|Apparel|Banking|Biotechnology|Chemicals|Communications|Construction|Consulting|Education|Electronics|Energy|Engineering|Entertainment|Environmental|Finance|Food & Beverage|Government|Healthcare|Hospitality|Insurance|Machinery|Manufacturing|Media|Not For Profit|Other|Recreation|Retail|Shipping|Technology|Telecommunications|Transportation|Utilities
AnnualRevenue money
NumberOfEmployees int
Ownership pick = Public|Private|Subsidiary|Other
TickerSymbol text20
Description long32000
Rating pick = Hot|Warm|Cold
Site text80
OwnerId ref:User ! d rel=Owner
LastActivityDate date r
LastViewedDate time r
LastReferencedDate time r
AccountSource pick = Web|Phone Inquiry|Partner Referral|Purchased List|Other
SicDesc text80
YearStarted text4
Tradestyle text255
DunsNumber text9
NaicsCode text8
NaicsDesc text120
Jigsaw text20
JigsawCompanyId text20 r
CleanStatus pick r
";

const CONTACT: &str = "
MasterRecordId ref:Contact r rel=MasterRecord
AccountId ref:Account rel=Account child=Contacts cascade
LastName text80 !
FirstName text40
Salutation pick = Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.
Name text121 ! r n i
RecordTypeId ref:RecordType rel=RecordType
@address Other
@address Mailing
Phone phone
Fax phone
MobilePhone phone
HomePhone phone
OtherPhone phone
AssistantPhone phone
ReportsToId ref:Contact rel=ReportsTo child=ReportsTos
Email email i
Title text128
Department text80
AssistantName text40
LeadSource pick = Web|Phone Inquiry|Partner Referral|Purchased List|Other
Birthdate date
Description long32000
OwnerId ref:User ! d rel=Owner
HasOptedOutOfEmail bool ! d
HasOptedOutOfFax bool ! d
DoNotCall bool ! d
LastActivityDate date r
LastCURequestDate time r
LastCUUpdateDate time r
LastViewedDate time r
LastReferencedDate time r
EmailBouncedReason text255 r
EmailBouncedDate time r
IsEmailBounced bool ! r
PhotoUrl url r
Jigsaw text20
JigsawContactId text20 r
CleanStatus pick r
";

const LEAD: &str = "
MasterRecordId ref:Lead r rel=MasterRecord
LastName text80 !
FirstName text40
Salutation pick = Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.
Name text121 ! r n i
RecordTypeId ref:RecordType rel=RecordType
Title text128
Company text255 ! i
@address
Phone phone
MobilePhone phone
Fax phone
Email email i
Website url
PhotoUrl url r
Description long32000
LeadSource pick = Web|Phone Inquiry|Partner Referral|Purchased List|Other
Status pick ! d
Industry pick = Agriculture|Apparel|Banking|Biotechnology|Chemicals|Communications|Construction|Consulting|Education|Electronics|Energy|Engineering|Entertainment|Environmental|Finance|Food & Beverage|Government|Healthcare|Hospitality|Insurance|Machinery|Manufacturing|Media|Not For Profit|Other|Recreation|Retail|Shipping|Technology|Telecommunications|Transportation|Utilities
Rating pick = Hot|Warm|Cold
AnnualRevenue money
NumberOfEmployees int
OwnerId ref:User,Group ! d rel=Owner
HasOptedOutOfEmail bool ! d
HasOptedOutOfFax bool ! d
DoNotCall bool ! d
IsConverted bool ! r
ConvertedDate date r
ConvertedAccountId ref:Account r rel=ConvertedAccount
ConvertedContactId ref:Contact r rel=ConvertedContact
ConvertedOpportunityId ref:Opportunity r rel=ConvertedOpportunity
IsUnreadByOwner bool ! d
LastActivityDate date r
LastViewedDate time r
LastReferencedDate time r
Jigsaw text20
JigsawContactId text20 r
CleanStatus pick r
CompanyDunsNumber text9
EmailBouncedReason text255 r
EmailBouncedDate time r
";

const OPPORTUNITY: &str = "
AccountId ref:Account rel=Account child=Opportunities cascade
RecordTypeId ref:RecordType rel=RecordType
IsPrivate bool ! d
Name text120 ! n i
Description long32000
StageName pick !
Amount money
Probability percent
ExpectedRevenue money r
TotalOpportunityQuantity dec2
CloseDate date !
Type pick = Existing Business|New Business
NextStep text255
LeadSource pick = Web|Phone Inquiry|Partner Referral|Purchased List|Other
IsClosed bool ! r
IsWon bool ! r
ForecastCategory pick ! r = Omitted|Pipeline|BestCase|MostLikely|Forecast|Closed
ForecastCategoryName pick d = Omitted|Pipeline|Best Case|Most Likely|Commit|Closed
HasOpportunityLineItem bool ! r
Pricebook2Id ref:Pricebook2 rel=Pricebook2
ContactId ref:Contact c rel=Contact
OwnerId ref:User ! d rel=Owner
LastActivityDate date r
LastStageChangeDate time r
FiscalYear int r
FiscalQuarter int r
Fiscal text6 r
LastViewedDate time r
LastReferencedDate time r
HasOpenActivity bool ! r
HasOverdueTask bool ! r
";

const ROLE: &str = "
OpportunityId ref:Opportunity ! c rel=Opportunity child=OpportunityContactRoles cascade
ContactId ref:Contact ! rel=Contact child=OpportunityContactRoles cascade
Role pick = Business User|Decision Maker|Economic Buyer|Economic Decision Maker|Evaluator|Executive Sponsor|Influencer|Technical Buyer|Other
IsPrimary bool ! d
";

const PRODUCT: &str = "
Name text255 ! n i
ProductCode text255
Description long4000
IsActive bool ! d
Family pick = None
ExternalDataSourceId text18 r
ExternalId text255
DisplayUrl url
QuantityUnitOfMeasure pick
StockKeepingUnit text180
IsArchived bool ! r
LastViewedDate time r
LastReferencedDate time r
";

const PRICEBOOK: &str = "
Name text255 ! n i
Description text255
IsActive bool ! d
IsArchived bool ! r
IsStandard bool ! r
LastViewedDate time r
LastReferencedDate time r
";

const ENTRY: &str = "
Name text255 r n
Pricebook2Id ref:Pricebook2 ! c rel=Pricebook2 child=PricebookEntries cascade
Product2Id ref:Product2 ! c rel=Product2 child=PricebookEntries cascade
UnitPrice money !
IsActive bool ! d
UseStandardPrice bool ! d
ProductCode text255 r
IsArchived bool ! r
";
